// A segment of tracks holds its whole range of keys, all of its video and length.
MATCH (g:Segment)-[:OF]->(v:Video)
WITH g, COUNT {
  MATCH (a:Start)-[r:INTRA]->(:End)
  WHERE r.key >= g.first AND r.key < g.first + g.count AND r.frames = g.frames AND EXISTS { (a)-[:FROM]->(v) }
} AS found
WHERE found <> g.count
WITH g.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
