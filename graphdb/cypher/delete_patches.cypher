// Delete a video's tracks, patches and whole frames; the video itself goes when its pixels are gone.
MATCH (v:Video {id: $video})
CALL (v) {
  MATCH (v)<-[:FROM]-(p:Patch)
  OPTIONAL MATCH (p)-[:SEEN]->(f:Frame)
  DETACH DELETE p, f
}
CALL (v) {
  MATCH (v)<-[:OF]-(g:Segment)
  DETACH DELETE g
}
