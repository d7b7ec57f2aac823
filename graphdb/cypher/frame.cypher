// Where the image of a whole frame is in the archive.
MATCH (f:Frame {id: $id})
RETURN f.shard AS shard, f.offset AS offset, f.size AS size
