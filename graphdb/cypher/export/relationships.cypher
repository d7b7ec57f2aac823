// Every relationship.
MATCH (a)-[r]->(b)
RETURN [type(r)] AS kind, [elementId(a), elementId(b)] AS ids, properties(r) AS properties
