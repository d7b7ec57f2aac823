// Remove some starts from the parents of a cluster model.
MATCH (p:Parent {fit: $fit})<-[r:IN]-(:Start)
WITH r
LIMIT $count
DELETE r
RETURN count(*) AS deleted
