// Somebody reads this snapshot: pruning leaves it alone for a day. Stamped at most once a minute.
MATCH (s:Snapshot {id: $id})
WHERE s.read IS NULL OR s.read < datetime() - duration('PT1M')
SET s.read = datetime()
