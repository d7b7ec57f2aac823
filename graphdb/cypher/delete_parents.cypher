// Delete the parents of a cluster model that have no starts and no segments.
MATCH (p:Parent {fit: $fit})
WHERE NOT EXISTS { (p)<-[:IN]-() } AND NOT EXISTS { (p)<-[:OF]-() }
DETACH DELETE p
