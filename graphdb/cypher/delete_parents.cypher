// Delete the parents of a fit that no start is in and no segment is of.
MATCH (p:Parent {fit: $fit})
WHERE NOT EXISTS { (p)<-[:IN]-() } AND NOT EXISTS { (p)<-[:OF]-() }
DETACH DELETE p
