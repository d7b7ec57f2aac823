// A child cluster belongs to one segment, and is named after it.
MATCH (c:Child)
WHERE COUNT { (c)-[:IN]->(:Segment) } <> 1
   OR NOT EXISTS { MATCH (c)-[:IN]->(g:Segment) WHERE g.id + '-' = left(c.id, size(g.id) + 1) }
WITH c.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
