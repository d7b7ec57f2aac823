// The properties of each set of labels, with the types of their values: the header of a CSV file.
MATCH (n)
WHERE any(label IN labels(n) WHERE label IN $labels)
UNWIND keys(n) AS property
RETURN labels(n) AS kind, property, collect(DISTINCT valueType(n[property])) AS types
ORDER BY property
