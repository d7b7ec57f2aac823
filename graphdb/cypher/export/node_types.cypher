// The properties of every kind of node of ours, and the types of their values: the head of a file of nodes.
MATCH (n)
WHERE any(label IN labels(n) WHERE label IN $labels)
UNWIND keys(n) AS property
RETURN labels(n) AS kind, property, collect(DISTINCT valueType(n[property])) AS types
ORDER BY property
