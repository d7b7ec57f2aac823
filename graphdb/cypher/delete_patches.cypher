// Delete a video's tracks, patches and whole frames. The video itself is deleted after its images.
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
