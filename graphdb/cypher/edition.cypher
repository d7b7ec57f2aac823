// The edition of Neo4j: community or enterprise.
CALL dbms.components() YIELD name, edition
WHERE name = 'Neo4j Kernel'
RETURN edition
