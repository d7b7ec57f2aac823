// The published snapshots, newest first. A successor has the place of the snapshot that it replaced.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.published IS NOT NULL
RETURN s AS snapshot
ORDER BY coalesce(s.place, s.published) DESC, s.id
