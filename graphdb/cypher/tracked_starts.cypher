// The starts of every video's current tracks of one length: the input of clustering.
MATCH (v:Video)<-[:OF]-(g:Segment {kind: 'intra', frames: $frames})
WHERE g.current
CALL (g) {
  MATCH (a:Start)-[r:INTRA]->(:End)
  WHERE r.key >= g.first AND r.key < g.first + g.count
  RETURN collect(a.id) AS starts
}
RETURN v.id AS video, g.id AS segment, starts
ORDER BY video
