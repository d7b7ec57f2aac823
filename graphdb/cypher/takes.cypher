// Shot, thing and time of the starts of some segments of tracks. Starts without a shot, of older graphs, are left out.
UNWIND $segments AS id
MATCH (g:Segment {id: id, kind: 'intra'})
CALL (g) {
  MATCH (a:Start)-[r:INTRA]->(:End)
  WHERE r.key >= g.first AND r.key < g.first + g.count AND a.shot IS NOT NULL
  RETURN collect([a.id, a.shot, a.thing, a.time]) AS takes
}
RETURN takes
