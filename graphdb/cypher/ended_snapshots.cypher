// The snapshots that have ended and still hold their segments: their successors are to come. Oldest first.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.ended IS NOT NULL AND EXISTS { (s)-[:USES]->() }
RETURN s AS snapshot
ORDER BY s.published, s.id
