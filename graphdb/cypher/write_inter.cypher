// INTER edges, each from the lower id to the higher.
UNWIND range(0, size($edges) - 1) AS i
WITH $edges[i] AS edge, $first + i AS key
MATCH (a:Patch {id: edge[0]})
MATCH (b:Patch {id: edge[1]})
CREATE (a)-[:INTER {key: key, similarity: edge[2]}]->(b)
