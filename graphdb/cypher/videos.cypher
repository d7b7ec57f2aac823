// Every video, and the mining digests of its current tracks.
MATCH (v:Video)
RETURN v.id AS id, v.uri AS uri,
       COLLECT { MATCH (v)<-[:OF]-(g:Segment {kind: 'intra'}) WHERE g.current RETURN g.mining } AS minings
ORDER BY id
