// Every INTER edge of a snapshot, as two columns per segment.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'inter'})
CALL (g) {
  MATCH (a:Start)-[r:INTER]->(b:Start)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect(a.id) AS a, collect(b.id) AS b
}
RETURN g.id AS id, a, b
ORDER BY id
