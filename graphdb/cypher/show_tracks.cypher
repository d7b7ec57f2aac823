// Tracks by the ids of their starts, with the whole frame and the video: what a contact sheet draws.
UNWIND $starts AS start
MATCH (a:Patch {id: start})-[r:INTRA {frames: $frames}]->(b:Patch)
MATCH (a)-[:FROM]->(v:Video)
RETURN a AS start, b AS end, r.frames AS frames, head([(a)-[:SEEN]->(f:Frame) | f]) AS frame,
       v.uri AS uri, v.width AS width
