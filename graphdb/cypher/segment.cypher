// Test whether a segment exists.
MATCH (g:Segment {id: $id})
RETURN g.id AS id
