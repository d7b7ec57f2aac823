// Note that a snapshot is being read, at most once a minute: pruning keeps it for a day.
MATCH (s:Snapshot {id: $id})
WHERE s.read IS NULL OR s.read < datetime() - duration('PT1M')
SET s.read = datetime()
