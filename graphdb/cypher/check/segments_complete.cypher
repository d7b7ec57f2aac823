// Every track and every edge is in a segment.
UNWIND [['intra', COUNT { ()-[:INTRA]->() }], ['inter', COUNT { ()-[:INTER]->() }]] AS kind
CALL (kind) {
  MATCH (g:Segment)
  WHERE g.kind = kind[0]
  RETURN sum(g.count) AS held
}
WITH kind, held
WHERE held <> kind[1]
WITH toString(kind[1]) + ' of kind ' + kind[0] + ', and ' + toString(held) + ' in segments' AS example
RETURN count(*) AS count, collect(example)[..3] AS examples
