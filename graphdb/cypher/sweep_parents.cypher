// Remove the parents that no start is in and no segment is of: those that we name, so nobody else's.
MATCH (p:Parent)
WHERE p.fit IS NOT NULL AND p.number IS NOT NULL AND p.id STARTS WITH p.fit + '-'
  AND NOT EXISTS { (p)<-[:IN]-(:Start) } AND NOT EXISTS { (p)<-[:OF]-(:Segment) }
DETACH DELETE p
