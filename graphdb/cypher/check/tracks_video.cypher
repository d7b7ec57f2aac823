// A patch comes from exactly one video.
MATCH (p:Patch)
WHERE COUNT { (p)-[:FROM]->(:Video) } <> 1
WITH p.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
