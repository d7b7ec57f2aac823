// The archive counts up to here.
MERGE (s:Shard {id: $id})
SET s.end = $end
