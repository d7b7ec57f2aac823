// Delete segments of INTER edges with all that they hold.
UNWIND $segments AS id
MATCH (g:Segment {id: id, kind: 'inter'})
CALL (g) {
  MATCH ()-[r:INTER]->()
  WHERE r.key >= g.first AND r.key < g.first + g.count
  DELETE r
}
CALL (g) {
  MATCH (c:Child)-[:IN]->(g)
  DETACH DELETE c
}
DETACH DELETE g
