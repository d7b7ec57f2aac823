// A page of whole frames in id order, each with the committed end of its shard.
MATCH (f:Frame)
WHERE f.id > $after
WITH f
ORDER BY f.id
LIMIT $count
OPTIONAL MATCH (s:Shard {id: f.shard})
RETURN f.id AS id, f.shard AS shard, f.offset AS offset, f.size AS size, s.end AS end
ORDER BY id
