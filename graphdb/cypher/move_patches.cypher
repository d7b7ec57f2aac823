// Patches whose images lie in another shard now.
UNWIND $images AS image
MATCH (p:Patch {id: image.id})
SET p.shard = image.shard, p.offset = image.offset
