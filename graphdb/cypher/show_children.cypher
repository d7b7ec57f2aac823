// The child clusters of a snapshot, one row per parent. If $videos is set: only those with a member from one of them.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'inter'})-[:OF]->(p:Parent)
MATCH (g)<-[:IN]-(c:Child)
WHERE $videos IS NULL OR EXISTS { (c)<-[:MEMBER]-(:Start)-[:FROM]->(v:Video) WHERE v.id IN $videos }
RETURN p.number AS parent, collect(c.id) AS children
ORDER BY parent
