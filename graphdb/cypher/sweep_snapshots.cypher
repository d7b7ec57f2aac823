// Remove snapshots that an interrupted ingest left unpublished. They have the properties of ours, so they do not belong
// to others.
MATCH (s:Snapshot)
WHERE s.published IS NULL AND s.created IS NOT NULL AND s.settings IS NOT NULL AND s.frames IS NOT NULL
OPTIONAL MATCH (before:Snapshot)
WHERE before.created IS NOT NULL AND before.successor = s.id
REMOVE before.successor
DETACH DELETE s
