// A page of segments of INTER edges in id order, with all that their ids are computed from.
MATCH (g:Segment)
WHERE g.id > $after AND g.kind = 'inter'
WITH g
ORDER BY g.id
LIMIT $count
OPTIONAL MATCH (g)-[:OF]->(p:Parent)
CALL (g) {
  MATCH (a)-[r:INTER]->(b)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect(a.id + ' ' + b.id) AS lines
}
RETURN g.id AS id, p.id AS parent, g.inputs AS inputs, lines
ORDER BY id
