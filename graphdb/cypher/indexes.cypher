// Every index of a database, by name: what it is on, and whether it belongs to a constraint.
SHOW INDEXES YIELD name, labelsOrTypes, properties, owningConstraint
RETURN name, labelsOrTypes, properties, owningConstraint IS NOT NULL AS unique
