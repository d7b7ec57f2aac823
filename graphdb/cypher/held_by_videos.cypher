// The numbers of starts and patches of some videos, and the snapshots that use the videos and have not ended.
UNWIND $videos AS id
MATCH (v:Video {id: id})
RETURN v.id AS id, v.uri AS uri,
       COUNT { (v)<-[:FROM]-(:Start) } AS starts,
       COUNT { (v)<-[:FROM]-(:Patch) } AS patches,
       COLLECT { MATCH (v)<-[:OF]-(:Segment)<-[:USES]-(s:Snapshot) WHERE s.published IS NOT NULL AND s.ended IS NULL
                 RETURN DISTINCT s.id } AS snapshots
ORDER BY id
