// No snapshot is left unpublished.
MATCH (s:Snapshot)
WHERE s.published IS NULL AND s.created IS NOT NULL AND s.settings IS NOT NULL AND s.frames IS NOT NULL
WITH s.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
