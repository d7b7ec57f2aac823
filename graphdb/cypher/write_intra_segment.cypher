// One video's tracks of one length and one mining, as a range of keys.
MATCH (v:Video {id: $video})
CREATE (g:Segment {id: $id, kind: 'intra', first: $first, count: $count, mining: $mining, frames: $frames})
CREATE (g)-[:OF]->(v)
