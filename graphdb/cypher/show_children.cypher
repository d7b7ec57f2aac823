// The child clusters of a snapshot, a row a parent; only those with a member from one of some videos, if any are named.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'inter'})-[:OF]->(p:Parent)
MATCH (g)<-[:IN]-(c:Child)
WHERE $videos IS NULL OR EXISTS { (c)<-[:MEMBER]-(:Start)-[:FROM]->(v:Video) WHERE v.id IN $videos }
RETURN p.number AS parent, collect(c.id) AS children
ORDER BY parent
