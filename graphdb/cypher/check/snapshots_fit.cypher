// The segments of a snapshot belong to its cluster model and its length of track.
MATCH (s:Snapshot)-[:USES]->(g:Segment)-[:OF]->(of)
WHERE NOT coalesce(
  of:Parent AND of.fit = s.fit OR of:Video AND g.frames = s.frames, false)
WITH s.id + ' uses ' + g.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
