// The properties of every type of relationship, and the types of their values.
MATCH ()-[r]->()
UNWIND keys(r) AS property
RETURN [type(r)] AS kind, property, collect(DISTINCT valueType(r[property])) AS types
ORDER BY property
