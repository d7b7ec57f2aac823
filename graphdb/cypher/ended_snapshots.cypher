// The snapshots that have ended and still hold their segments, newest first: their successors are not published yet.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.ended IS NOT NULL AND EXISTS { (s)-[:USES]->() }
RETURN s AS snapshot
ORDER BY coalesce(s.place, s.published) DESC, s.id
