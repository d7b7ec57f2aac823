// Count the content of the snapshot, and publish it: from then on it never changes. It is the newest snapshot, or takes
// the place of the snapshot that it replaces.
OPTIONAL MATCH (before:Snapshot {id: $replaces})
WITH coalesce(before.place, before.published) AS place
MATCH (s:Snapshot {id: $id})-[:USES]->(g:Segment)
WITH s, place,
     sum(CASE g.kind WHEN 'intra' THEN 1 ELSE 0 END) AS videos,
     sum(CASE g.kind WHEN 'intra' THEN g.count ELSE 0 END) AS intra,
     sum(CASE g.kind WHEN 'inter' THEN 1 ELSE 0 END) AS parents,
     sum(CASE g.kind WHEN 'inter' THEN g.count ELSE 0 END) AS inter,
     sum(COUNT { (g)<-[:IN]-(:Child) }) AS children
SET s.videos = videos, s.patches = 2 * intra, s.intra = intra, s.inter = inter, s.children = children,
    s.parents = parents, s.published = datetime(), s.place = coalesce(place, datetime())
