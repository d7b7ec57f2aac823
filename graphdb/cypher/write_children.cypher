// Child clusters: each start is among the nearest neighbors of the others (Sec. 4.2).
MATCH (g:Segment {id: $segment})
UNWIND range(0, size($children) - 1) AS i
CREATE (c:Child {id: $segment + '-' + toString(i)})-[:IN]->(g)
WITH c, $children[i] AS members
UNWIND members AS member
MATCH (a:Patch {id: member})
CREATE (a)-[:MEMBER]->(c)
