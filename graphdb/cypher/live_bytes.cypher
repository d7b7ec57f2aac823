// The bytes of each shard that are pointed to: images with their tar headers, in blocks of 512 bytes.
CALL () {
  MATCH (p:Patch)
  RETURN p.shard AS shard, p.size AS size
  UNION ALL
  MATCH (f:Frame)
  RETURN f.shard AS shard, f.size AS size
}
RETURN shard, sum(512 + (size + 511) / 512 * 512) AS bytes
