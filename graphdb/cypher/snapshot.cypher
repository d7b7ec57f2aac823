// One snapshot, published or ended.
MATCH (s:Snapshot {id: $id})
WHERE s.published IS NOT NULL
RETURN s AS snapshot
