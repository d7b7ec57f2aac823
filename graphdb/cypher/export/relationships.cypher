// Every relationship between two of our nodes.
MATCH (a)-[r]->(b)
WHERE any(label IN labels(a) WHERE label IN $labels) AND any(label IN labels(b) WHERE label IN $labels)
RETURN [type(r)] AS kind, [elementId(a), elementId(b)] AS ids, properties(r) AS properties
