// The snapshots that have not ended, newest first, and whether each was read within a day.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.published IS NOT NULL AND s.ended IS NULL
RETURN s AS snapshot, coalesce(s.read >= datetime() - duration('P1D'), false) AS read
ORDER BY coalesce(s.place, s.published) DESC, s.id
