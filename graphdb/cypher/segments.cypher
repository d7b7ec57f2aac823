// The segments of a snapshot in id order: what turns the index of a pair into a key.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment)
RETURN g.id AS id, g.kind AS kind, g.first AS first, g.count AS count
ORDER BY id
