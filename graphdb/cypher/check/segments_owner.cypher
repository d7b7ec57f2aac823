// A segment of tracks belongs to one video, a segment of edges to one parent.
MATCH (g:Segment)
WHERE COUNT { (g)-[:OF]->() } <> 1 OR NOT coalesce(
  g.kind = 'intra' AND EXISTS { (g)-[:OF]->(:Video) } OR g.kind = 'inter' AND EXISTS { (g)-[:OF]->(:Parent) }, false)
WITH g.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
