// The k-means cluster of each start, under one cluster model (Sec. 4.2).
UNWIND $rows AS row
MATCH (a:Patch {id: row.start})
MERGE (p:Parent {id: row.parent})
ON CREATE SET p.fit = $fit, p.number = row.number
MERGE (a)-[:IN]->(p)
