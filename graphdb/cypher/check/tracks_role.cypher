// A patch is either a start or an end.
MATCH (p:Patch)
WHERE p:Start = p:End
WITH p.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
