// Set the committed end of a shard of the archive.
MERGE (s:Shard {id: $id})
SET s.end = $end
