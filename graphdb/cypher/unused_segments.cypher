// The segments that none of some snapshots uses; the tracks of a video's last mining are kept in any case.
MATCH (g:Segment)
WHERE g.kind IN ['inter', 'intra']
  AND NOT EXISTS { MATCH (g)<-[:USES]-(s:Snapshot) WHERE s.id IN $kept }
  AND (g.kind = 'inter' OR NOT EXISTS { MATCH (g)-[:OF]->(v:Video) WHERE v.mining = g.mining })
RETURN g.id AS id, g.kind AS kind, g.count AS count, COUNT { (g)<-[:IN]-(:Child) } AS children
ORDER BY id
