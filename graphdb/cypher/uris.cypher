// The URIs of some videos.
UNWIND $ids AS id
MATCH (v:Video {id: id})
RETURN v.uri AS uri
ORDER BY uri
