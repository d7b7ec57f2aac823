// An end has its start, and is named after it and the length of the track.
MATCH (b:End)
WHERE NOT EXISTS {
  MATCH (a:Start)-[r:INTRA]->(b)
  WHERE b.id = a.id + '-e' + toString(r.frames) AND b.frame = a.frame + r.frames
}
WITH b.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
