// The committed end of every shard of the archive. Nodes with names of another form belong to others.
MATCH (s:Shard)
WHERE s.id =~ '[0-9]{6}' AND s.end IS NOT NULL
RETURN s.id AS id, s.end AS end
