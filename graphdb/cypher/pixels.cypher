// Where the images of some patches are in the archive.
UNWIND $ids AS id
MATCH (p:Patch {id: id})
RETURN p.id AS id, p.shard AS shard, p.offset AS offset, p.size AS size
