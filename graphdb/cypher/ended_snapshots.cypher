// The snapshots that have ended and still hold their segments: their successors are to come. Newest first.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.ended IS NOT NULL AND EXISTS { (s)-[:USES]->() }
RETURN s AS snapshot
ORDER BY coalesce(s.place, s.published) DESC, s.id
