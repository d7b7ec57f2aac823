// Shot, thing and time of the starts of a snapshot. Starts without a shot, of older graphs, are left out.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'intra'})
CALL (g) {
  MATCH (a:Start)-[r:INTRA]->(:End)
  WHERE r.key >= g.first AND r.key < g.first + g.count AND a.shot IS NOT NULL
  RETURN collect([a.id, a.shot, a.thing, a.time]) AS takes
}
RETURN takes
