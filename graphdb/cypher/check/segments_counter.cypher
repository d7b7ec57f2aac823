// The counters that keys are reserved from are beyond every key.
MATCH (g:Segment)
WITH g.kind AS kind, max(g.first + g.count) AS next
WHERE next > 0 AND NOT EXISTS { MATCH (c:Counter) WHERE c.kind = kind AND c.next >= next }
WITH kind AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
