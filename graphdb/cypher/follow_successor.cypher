// Snapshots that named an ended snapshot as their successor name the successor of that one.
MATCH (s:Snapshot)
WHERE s.created IS NOT NULL AND s.successor = $id
SET s.successor = $successor
