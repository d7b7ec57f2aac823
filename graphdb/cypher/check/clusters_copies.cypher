// COPY joins two videos, from the lower id to the higher, for a segment that exists.
MATCH (a)-[copy:COPY]->(b)
WHERE NOT coalesce(
  a:Video AND b:Video AND a.id < b.id AND EXISTS { MATCH (g:Segment) WHERE g.id = copy.segment }, false)
WITH a.id + ' and ' + b.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
