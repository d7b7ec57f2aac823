// Remove shards that nothing points into.
MATCH (s:Shard)
WHERE s.id IN $ids
DELETE s
