// How much of each shard is pointed to, in bytes: images with their tar headers, in blocks of 512.
CALL () {
  MATCH (p:Patch)
  RETURN p.shard AS shard, p.size AS size
  UNION ALL
  MATCH (f:Frame)
  RETURN f.shard AS shard, f.size AS size
}
RETURN shard, sum(512 + (size + 511) / 512 * 512) AS bytes
