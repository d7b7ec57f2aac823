// From here on a segment holds its video's current tracks of its length; the one that did before keeps its own.
MATCH (g:Segment {id: $id})-[:OF]->(v:Video)
SET g.current = true
WITH g, v
MATCH (v)<-[:OF]-(other:Segment {kind: 'intra', frames: g.frames})
WHERE other.id <> g.id
REMOVE other.current
