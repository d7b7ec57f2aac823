// The files that some videos came from.
UNWIND $ids AS id
MATCH (v:Video {id: id})
RETURN v.uri AS uri
ORDER BY uri
