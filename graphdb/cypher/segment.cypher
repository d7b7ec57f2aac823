// Is this segment there already?
MATCH (g:Segment {id: $id})
RETURN g.id AS id
