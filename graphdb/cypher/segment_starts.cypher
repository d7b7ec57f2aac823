// How many starts some segments of tracks have; those that are not there are left out.
UNWIND $ids AS id
MATCH (g:Segment {id: id, kind: 'intra'})
RETURN id, g.count AS starts
