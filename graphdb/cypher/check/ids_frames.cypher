// A whole frame belongs to a start, and is named after it.
MATCH (f:Frame)
WHERE NOT EXISTS {
  MATCH (f)<-[:SEEN]-(a:Start)
  WHERE f.id + '-' = left(a.id, size(f.id) + 1) AND f.time = a.time
}
WITH f.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
