// Remove the parents that no start is in and no segment is of.
MATCH (p:Parent)
WHERE NOT EXISTS { (p)<-[:IN]-(:Start) } AND NOT EXISTS { (p)<-[:OF]-(:Segment) }
DETACH DELETE p
