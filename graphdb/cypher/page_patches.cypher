// A page of patches in id order, each with the committed end of its shard.
MATCH (p:Patch)
WHERE p.id > $after
WITH p
ORDER BY p.id
LIMIT $count
OPTIONAL MATCH (s:Shard {id: p.shard})
RETURN p.id AS id, p.shard AS shard, p.offset AS offset, p.size AS size, s.end AS end
ORDER BY id
