// Every image of a shard that is pointed to, in one row, as [id, offset, size].
CALL () {
  MATCH (p:Patch)
  WHERE p.shard = $shard
  RETURN p AS image
  UNION ALL
  MATCH (f:Frame)
  WHERE f.shard = $shard
  RETURN f AS image
}
RETURN collect([image.id, image.offset, image.size]) AS images
