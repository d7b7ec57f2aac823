// The videos that are being forgotten, and are not deleted yet.
MATCH (v:Video)
WHERE v.forgotten IS NOT NULL
RETURN v.id AS id, v.uri AS uri
ORDER BY id
