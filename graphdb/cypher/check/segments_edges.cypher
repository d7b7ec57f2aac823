// A segment of edges holds its whole range of keys.
MATCH (g:Segment)-[:OF]->(:Parent)
WITH g, COUNT {
  MATCH (:Start)-[r:INTER]->(:Start)
  WHERE r.key >= g.first AND r.key < g.first + g.count
} AS found
WHERE found <> g.count
WITH g.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
