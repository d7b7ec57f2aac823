// A snapshot has ended: it names its successor, which stands where it stood if not before, and lets go of its segments.
MATCH (s:Snapshot {id: $id})
SET s.ended = coalesce(s.ended, datetime()), s.successor = $successor
WITH s, coalesce(s.place, s.published) AS place
OPTIONAL MATCH (t:Snapshot {id: $successor})
WHERE coalesce(t.place, t.published) < place
SET t.place = place
WITH s
MATCH (s)-[u:USES]->()
DELETE u
