// A child has four members, all of its segment's parent.
MATCH (c:Child)-[:IN]->(:Segment)-[:OF]->(p:Parent)
WHERE COUNT { (c)<-[:MEMBER]-() } <> 4
   OR COUNT { MATCH (c)<-[:MEMBER]-(a:Start) WHERE EXISTS { (a)-[:IN]->(p) } RETURN DISTINCT a } <> 4
WITH c.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
