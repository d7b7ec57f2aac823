// Every segment of tracks.
MATCH (g:Segment {kind: 'intra'})
RETURN g.id AS id
