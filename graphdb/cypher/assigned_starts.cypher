// Which starts a fit has placed, and where.
MATCH (p:Parent {fit: $fit})<-[:IN]-(a:Start)
RETURN p.number AS number, collect(a.id) AS starts
ORDER BY number
