// The segments of INTER edges in whose parents a video had starts, and that no snapshot uses.
MATCH (:Video {id: $video})<-[:FROM]-(:Start)-[:IN]->(:Parent)<-[:OF]-(g:Segment {kind: 'inter'})
WHERE NOT EXISTS { (g)<-[:USES]-() }
RETURN DISTINCT g.id AS id, g.count AS count
ORDER BY id
