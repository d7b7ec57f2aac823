// The id of a video is 16 hex digits.
MATCH (v:Video)
WHERE NOT coalesce(v.id =~ '[0-9a-f]{16}', false)
WITH v.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
