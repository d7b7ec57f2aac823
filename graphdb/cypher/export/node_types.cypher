// The properties of every kind of node, and the types of their values: the head of a file of nodes.
MATCH (n)
UNWIND keys(n) AS property
RETURN labels(n) AS kind, property, collect(DISTINCT valueType(n[property])) AS types
ORDER BY property
