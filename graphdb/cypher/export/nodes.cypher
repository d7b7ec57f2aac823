// Every node.
MATCH (n)
RETURN labels(n) AS kind, [elementId(n)] AS ids, properties(n) AS properties
