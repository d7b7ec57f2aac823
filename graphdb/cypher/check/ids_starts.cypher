// The id of a start consists of its video, its frame and its box.
MATCH (a:Start)
WITH a, split(a.id, '-') AS parts
WHERE NOT coalesce(
  size(parts) = 5 AND size(parts[1]) >= 8
  AND [part IN parts[1..] | toInteger(part)] = [a.frame, a.x, a.y, a.side]
  AND EXISTS { MATCH (a)-[:FROM]->(v:Video) WHERE v.id = parts[0] }, false)
WITH a.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
