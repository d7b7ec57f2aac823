// Every INTER edge of a snapshot with its similarity, and the pairs of videos that are copies, one row per segment.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'inter'})
CALL (g) {
  MATCH (a:Start)-[r:INTER]->(b:Start)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect([a.id, b.id, r.similarity]) AS edges
}
CALL (g) {
  MATCH (v:Video)-[copy:COPY {segment: g.id}]->(w:Video)
  RETURN collect([v.id, w.id]) AS copies
}
RETURN g.id AS id, edges, copies
ORDER BY id
