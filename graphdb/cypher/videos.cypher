// Every video, and the settings it was mined with.
MATCH (v:Video)
RETURN v.id AS id, v.mining AS mining, v.uri AS uri
ORDER BY id
