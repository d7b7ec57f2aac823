// Every video, and the settings that its current tracks were mined with.
MATCH (v:Video)
RETURN v.id AS id, v.uri AS uri,
       COLLECT { MATCH (v)<-[:OF]-(g:Segment {kind: 'intra'}) WHERE g.current RETURN g.mining } AS minings
ORDER BY id
