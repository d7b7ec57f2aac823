// Remove the snapshots that an interrupted ingest left unpublished.
MATCH (s:Snapshot)
WHERE s.published IS NULL AND s.created IS NOT NULL
DETACH DELETE s
