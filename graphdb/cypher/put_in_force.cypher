// Make this segment the current tracks of its video and length. The segment that was current before is kept.
MATCH (g:Segment {id: $id})-[:OF]->(v:Video)
SET g.current = true
WITH g, v
MATCH (v)<-[:OF]-(other:Segment {kind: 'intra', frames: g.frames})
WHERE other.id <> g.id
REMOVE other.current
