// Every start has a track.
MATCH (a:Start)
WHERE NOT EXISTS { (a)-[:INTRA]->(:End) }
WITH a.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
