// The indexes of a database, those of its constraints included: by name, what each is on, and whether it is a constraint's.
SHOW INDEXES YIELD name, labelsOrTypes, properties, owningConstraint
RETURN name, labelsOrTypes, properties, owningConstraint IS NOT NULL AS unique
