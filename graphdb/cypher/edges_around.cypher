// The segments of INTER edges that no snapshot uses, of the parents that a video has starts in.
MATCH (:Video {id: $video})<-[:FROM]-(:Start)-[:IN]->(:Parent)<-[:OF]-(g:Segment {kind: 'inter'})
WHERE NOT EXISTS { (g)<-[:USES]-() }
RETURN DISTINCT g.id AS id, g.count AS count
ORDER BY id
