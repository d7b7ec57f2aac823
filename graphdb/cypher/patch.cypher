// One patch with its video, frame, parents and neighbors.
MATCH (p:Patch {id: $id})-[:FROM]->(v:Video)
RETURN p AS patch, p:Start AS start, v.id AS video, v.uri AS uri,
       head([(p)-[:SEEN]->(f:Frame) | f]) AS frame,
       [(p)-[:IN]->(parent:Parent) | parent.id] AS parents,
       COLLECT { MATCH (p)-[r:INTRA]-(q:Patch) RETURN DISTINCT [q.id, r.frames] } AS intra,
       COLLECT { MATCH (p)-[r:INTER]-(q:Patch) WITH q, max(r.similarity) AS similarity
                 RETURN [q.id, similarity] ORDER BY similarity DESC, q.id LIMIT 100 } AS inter
