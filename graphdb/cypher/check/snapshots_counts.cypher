// The counts of a snapshot are those of its segments.
MATCH (s:Snapshot)
WHERE s.published IS NOT NULL AND s.ended IS NULL
CALL (s) {
  OPTIONAL MATCH (s)-[:USES]->(g:Segment)
  RETURN sum(CASE g.kind WHEN 'intra' THEN 1 ELSE 0 END) AS videos,
         sum(CASE g.kind WHEN 'intra' THEN g.count ELSE 0 END) AS intra,
         sum(CASE g.kind WHEN 'inter' THEN 1 ELSE 0 END) AS parents,
         sum(CASE g.kind WHEN 'inter' THEN g.count ELSE 0 END) AS inter,
         sum(COUNT { (g)<-[:IN]-(:Child) }) AS children
}
WITH s, [videos, 2 * intra, intra, inter, children, parents] AS held
WHERE NOT coalesce([s.videos, s.patches, s.intra, s.inter, s.children, s.parents] = held, false)
WITH s.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
