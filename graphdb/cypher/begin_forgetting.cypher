// Mark videos as being forgotten, and end the snapshots that use them.
UNWIND $videos AS id
MATCH (v:Video {id: id})
SET v.forgotten = coalesce(v.forgotten, datetime())
WITH v
MATCH (v)<-[:OF]-(:Segment)<-[:USES]-(s:Snapshot)
WHERE s.published IS NOT NULL AND s.ended IS NULL
WITH DISTINCT s
SET s.ended = datetime()
