// No parent is left without starts.
MATCH (p:Parent)
WHERE p.fit IS NOT NULL AND p.number IS NOT NULL AND p.id STARTS WITH p.fit + '-'
  AND NOT EXISTS { (p)<-[:IN]-(:Start) } AND NOT EXISTS { (p)<-[:OF]-(:Segment) }
WITH p.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
