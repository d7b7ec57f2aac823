// A snapshot that has ended uses segments only while one of its videos is being forgotten, and its successor exists.
MATCH (s:Snapshot)
WHERE s.ended IS NOT NULL AND (
  EXISTS { (s)-[:USES]->() }
    AND NOT EXISTS { MATCH (s)-[:USES]->()-[:OF]->(v:Video) WHERE v.forgotten IS NOT NULL }
  OR s.successor IS NOT NULL
    AND NOT EXISTS { MATCH (t:Snapshot) WHERE t.id = s.successor })
WITH s.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
