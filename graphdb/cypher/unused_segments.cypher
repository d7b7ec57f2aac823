// The segments that none of some snapshots uses. The current tracks of a video always count as used.
MATCH (g:Segment)
WHERE g.kind IN ['inter', 'intra']
  AND NOT EXISTS { MATCH (g)<-[:USES]-(s:Snapshot) WHERE s.id IN $kept }
  AND g.current IS NULL
RETURN g.id AS id, g.kind AS kind, g.count AS count, COUNT { (g)<-[:IN]-(:Child) } AS children
ORDER BY id
