// No parent is left without starts.
MATCH (p:Parent)
WHERE NOT EXISTS { (p)<-[:IN]-(:Start) } AND NOT EXISTS { (p)<-[:OF]-(:Segment) }
WITH p.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
