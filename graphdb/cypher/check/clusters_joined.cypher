// Each member of a child cluster is joined to all other members.
MATCH (a:Start)-[:MEMBER]->(c:Child)-[:IN]->(g:Segment)
WHERE COUNT {
  MATCH (a)-[r:INTER]-(b:Start)-[:MEMBER]->(c)
  WHERE r.key >= g.first AND r.key < g.first + g.count
} <> COUNT { (c)<-[:MEMBER]-(:Start) } - 1
WITH a.id + ' in ' + c.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
