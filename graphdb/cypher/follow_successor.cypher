// Snapshots that named one which has ended now name the one after it.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.successor = $id
SET s.successor = $successor
