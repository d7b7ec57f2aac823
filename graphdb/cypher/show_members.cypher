// The members of child clusters, and the INTER edges of the same segment between them (Sec. 4.2).
UNWIND $children AS child
MATCH (c:Child {id: child})-[:IN]->(g:Segment)
WITH c, g, COLLECT { MATCH (a:Start)-[:MEMBER]->(c) RETURN a ORDER BY a.id } AS members
RETURN c.id AS child, [a IN members | a.id] AS members,
       COLLECT { UNWIND members AS a
                 MATCH (a)-[r:INTER]->(b:Start)
                 WHERE b IN members AND r.key >= g.first AND r.key < g.first + g.count
                 RETURN r.similarity ORDER BY r.similarity } AS similarities
