// The published snapshots, newest first. A successor stands where what it takes the place of stood.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.published IS NOT NULL
RETURN s AS snapshot
ORDER BY coalesce(s.place, s.published) DESC, s.id
