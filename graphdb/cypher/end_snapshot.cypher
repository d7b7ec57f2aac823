// End a snapshot: it names its successor, and lets go of its segments. The successor takes the snapshot's place in the
// order of snapshots, unless it is newer.
MATCH (s:Snapshot {id: $id})
SET s.ended = coalesce(s.ended, datetime()), s.successor = $successor
WITH s, coalesce(s.place, s.published) AS place
OPTIONAL MATCH (t:Snapshot {id: $successor})
WHERE coalesce(t.place, t.published) < place
SET t.place = place
WITH s
MATCH (s)-[u:USES]->()
DELETE u
