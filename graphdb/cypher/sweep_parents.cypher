// Remove parents without starts and segments. Their ids have the form of ours, so they do not belong to others.
MATCH (p:Parent)
WHERE p.fit IS NOT NULL AND p.number IS NOT NULL AND p.id STARTS WITH p.fit + '-'
  AND NOT EXISTS { (p)<-[:IN]-(:Start) } AND NOT EXISTS { (p)<-[:OF]-(:Segment) }
DETACH DELETE p
