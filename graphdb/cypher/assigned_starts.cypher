// The starts that a cluster model has assigned, by the number of their parent.
MATCH (p:Parent {fit: $fit})<-[:IN]-(a:Start)
RETURN p.number AS number, collect(a.id) AS starts
ORDER BY number
