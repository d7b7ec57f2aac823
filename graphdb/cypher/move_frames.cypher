// Whole frames whose images lie in another shard now.
UNWIND $images AS image
MATCH (f:Frame {id: image.id})
SET f.shard = image.shard, f.offset = image.offset
