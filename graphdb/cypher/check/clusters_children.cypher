// All child clusters of a segment have the same number of members, two or more, all in the segment's parent.
MATCH (g:Segment)-[:OF]->(p:Parent)
CALL (g, p) {
  MATCH (c:Child)-[:IN]->(g)
  WITH p, c, COUNT { (c)<-[:MEMBER]-() } AS members
  WITH p, max(members) AS most, collect({child: c, members: members}) AS children
  UNWIND children AS one
  WITH p, most, one.child AS c, one.members AS members
  WHERE members <> most OR most < 2
     OR COUNT { MATCH (c)<-[:MEMBER]-(a:Start) WHERE EXISTS { (a)-[:IN]->(p) } RETURN DISTINCT a } <> most
  RETURN c.id AS example
}
WITH example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
