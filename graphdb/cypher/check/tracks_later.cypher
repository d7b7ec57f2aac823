// A track goes from a start to a later end of the same video.
MATCH (a)-[r:INTRA]->(b)
WHERE NOT coalesce(
  a:Start AND b:End AND b.frame = a.frame + r.frames AND b.time > a.time
  AND EXISTS { (a)-[:FROM]->(:Video)<-[:FROM]-(b) }, false)
WITH a.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
