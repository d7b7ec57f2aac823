// Take some starts out of the parents of a fit.
MATCH (p:Parent {fit: $fit})<-[r:IN]-(:Start)
WITH r
LIMIT $count
DELETE r
RETURN count(*) AS deleted
