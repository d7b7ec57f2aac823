// Point whole frames to the new locations of their images.
UNWIND $images AS image
MATCH (f:Frame {id: image.id})
SET f.shard = image.shard, f.offset = image.offset
