// Forget shards of the archive that nothing points into.
MATCH (s:Shard)
WHERE s.id IN $ids
DELETE s
