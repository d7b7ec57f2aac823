// A page of segments of tracks in id order, with all that their ids are computed from.
MATCH (g:Segment)
WHERE g.id > $after AND g.kind = 'intra'
WITH g
ORDER BY g.id
LIMIT $count
OPTIONAL MATCH (g)-[:OF]->(v:Video)
CALL (g) {
  MATCH (a)-[r:INTRA]->(b)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect(a.id + ' ' + b.id) AS lines
}
RETURN g.id AS id, v.id AS video, g.mining AS mining, g.frames AS frames, lines
ORDER BY id
