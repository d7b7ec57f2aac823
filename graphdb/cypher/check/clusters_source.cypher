// Every INTER edge comes from a child cluster of its segment.
MATCH (g:Segment)-[:OF]->(:Parent)
CALL (g) {
  MATCH (a)-[r:INTER]->(b)
  WHERE r.key >= g.first AND r.key < g.first + g.count
    AND NOT EXISTS { MATCH (a)-[:MEMBER]->(c:Child)<-[:MEMBER]-(b) WHERE EXISTS { (c)-[:IN]->(g) } }
  RETURN a.id + ' and ' + b.id AS example
}
WITH example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
