// INTER joins two starts of its segment's parent, from the lower id to the higher.
MATCH (g:Segment)-[:OF]->(p:Parent)
CALL (g, p) {
  MATCH (a)-[r:INTER]->(b)
  WHERE r.key >= g.first AND r.key < g.first + g.count AND NOT coalesce(
    a:Start AND b:Start AND a.id < b.id AND EXISTS { (a)-[:IN]->(p) } AND EXISTS { (b)-[:IN]->(p) }, false)
  RETURN a.id + ' and ' + b.id AS example
}
WITH example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
