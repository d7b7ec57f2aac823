// The indexes of a database, those of its constraints included: by name, what each is on.
SHOW INDEXES YIELD name, labelsOrTypes, properties
RETURN name, labelsOrTypes, properties
