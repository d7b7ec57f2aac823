// Delete segments of tracks, and the patches and whole frames that belong to no track then.
UNWIND $segments AS id
MATCH (g:Segment {id: id, kind: 'intra'})-[:OF]->(v:Video)
CALL (g) {
  MATCH ()-[r:INTRA]->()
  WHERE r.key >= g.first AND r.key < g.first + g.count
  DELETE r
}
DETACH DELETE g
WITH DISTINCT v
MATCH (v)<-[:FROM]-(p:Patch)
WHERE NOT EXISTS { (p)-[:INTRA]-() }
OPTIONAL MATCH (p)-[:SEEN]->(f:Frame)
WHERE NOT EXISTS { MATCH (f)<-[:SEEN]-(a:Start) WHERE EXISTS { (a)-[:INTRA]->() } }
DETACH DELETE p, f
