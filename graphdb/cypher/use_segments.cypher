// Add segments to a snapshot.
MATCH (s:Snapshot {id: $id})
UNWIND $segments AS segment
MATCH (g:Segment {id: segment})
MERGE (s)-[:USES]->(g)
