// The committed end of every shard of the archive.
MATCH (s:Shard)
RETURN s.id AS id, s.end AS end
