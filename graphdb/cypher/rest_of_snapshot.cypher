// The starts of a snapshot, without those of videos that are being forgotten.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'intra'})-[:OF]->(v:Video)
WHERE v.forgotten IS NULL
CALL (g) {
  MATCH (a:Start)-[r:INTRA]->(:End)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect(a.id) AS starts
}
RETURN v.id AS video, g.id AS segment, starts
ORDER BY video
