// How many starts some videos have in their current tracks; null for a video that is not known.
UNWIND $ids AS id
OPTIONAL MATCH (v:Video {id: id})
RETURN id, v IS NOT NULL AS known,
       coalesce(head([(v)<-[:OF]-(g:Segment) WHERE g.kind = 'intra' AND g.mining = v.mining | g.count]), 0) AS starts
