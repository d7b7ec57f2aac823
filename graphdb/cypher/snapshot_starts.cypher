// Every start of a snapshot, with the URI of its video.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'intra'})-[:OF]->(v:Video)
CALL (g) {
  MATCH (a:Start)-[r:INTRA]->(:End)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect(a.id) AS starts
}
RETURN v.id AS video, v.uri AS uri, starts
ORDER BY video
