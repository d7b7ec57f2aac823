// Point patches to the new locations of their images.
UNWIND $images AS image
MATCH (p:Patch {id: image.id})
SET p.shard = image.shard, p.offset = image.offset
