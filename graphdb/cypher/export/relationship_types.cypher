// The properties of each type of relationship between our nodes, with the types of their values.
MATCH (a)-[r]->(b)
WHERE any(label IN labels(a) WHERE label IN $labels) AND any(label IN labels(b) WHERE label IN $labels)
UNWIND keys(r) AS property
RETURN [type(r)] AS kind, property, collect(DISTINCT valueType(r[property])) AS types
ORDER BY property
