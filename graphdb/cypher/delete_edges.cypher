// Delete segments of INTER edges with all that they hold, and the COPY relationships that were found with them.
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
CALL (g) {
  MATCH (:Video)-[copy:COPY {segment: g.id}]->(:Video)
  DELETE copy
}
DETACH DELETE g
