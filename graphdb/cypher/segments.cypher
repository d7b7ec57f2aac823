// The segments of a snapshot in id order. They map the index of a pair to a key, and an edge to its group.
MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment)
OPTIONAL MATCH (g)-[:OF]->(p:Parent)
RETURN g.id AS id, g.kind AS kind, g.first AS first, g.count AS count, p.id AS parent
ORDER BY id
