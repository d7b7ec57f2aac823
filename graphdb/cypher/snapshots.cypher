// The published snapshots, newest first.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.published IS NOT NULL
RETURN s AS snapshot
ORDER BY s.published DESC, s.id
