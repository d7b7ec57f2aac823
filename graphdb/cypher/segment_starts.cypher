// The number of starts of some segments of tracks. Unknown segments are left out.
UNWIND $ids AS id
MATCH (g:Segment {id: id, kind: 'intra'})
RETURN id, g.count AS starts
