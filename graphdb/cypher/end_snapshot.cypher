// A snapshot has ended: it names its successor, and lets go of its segments.
MATCH (s:Snapshot {id: $id})
SET s.ended = coalesce(s.ended, datetime()), s.successor = $successor
WITH s
MATCH (s)-[u:USES]->()
DELETE u
