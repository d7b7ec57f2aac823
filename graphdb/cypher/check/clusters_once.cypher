// A cluster model assigns a start to one parent only.
MATCH (a:Start)
WHERE COUNT { (a)-[:IN]->(:Parent) } <> COUNT { MATCH (a)-[:IN]->(p:Parent) RETURN DISTINCT p.fit }
WITH a.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
