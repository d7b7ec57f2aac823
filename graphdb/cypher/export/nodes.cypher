// Every node with a label of ours.
MATCH (n)
WHERE any(label IN labels(n) WHERE label IN $labels)
RETURN labels(n) AS kind, [elementId(n)] AS ids, properties(n) AS properties
