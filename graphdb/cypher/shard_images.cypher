// All that points into a shard.
CALL () {
  MATCH (p:Patch)
  WHERE p.shard = $shard
  RETURN p.id AS id, p.offset AS offset, p.size AS size
  UNION ALL
  MATCH (f:Frame)
  WHERE f.shard = $shard
  RETURN f.id AS id, f.offset AS offset, f.size AS size
}
RETURN id, offset, size
ORDER BY offset
