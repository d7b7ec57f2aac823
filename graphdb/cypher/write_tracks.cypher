// The tracks of one video: start, end, the start's whole frame, and INTRA between start and end (Sec. 4.3).
MATCH (v:Video {id: $video})
UNWIND range(0, size($tracks) - 1) AS i
WITH v, $tracks[i] AS track, $first + i AS key
MERGE (a:Patch {id: track.start.id})
ON CREATE SET a:Start, a += track.start
MERGE (b:Patch {id: track.end.id})
ON CREATE SET b:End, b += track.end
MERGE (a)-[:FROM]->(v)
MERGE (b)-[:FROM]->(v)
CREATE (a)-[:INTRA {key: key, frames: track.frames}]->(b)
WITH a, track
WHERE track.frame IS NOT NULL
MERGE (f:Frame {id: track.frame.id})
ON CREATE SET f += track.frame
MERGE (a)-[:SEEN]->(f)
