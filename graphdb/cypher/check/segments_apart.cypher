// No two segments of a kind share a key.
MATCH (g:Segment)
WHERE g.count > 0
WITH g.kind AS kind, g
ORDER BY g.first
WITH kind, collect([g.first, g.first + g.count, g.id]) AS runs
UNWIND range(1, size(runs) - 1) AS i
WITH runs[i - 1] AS before, runs[i] AS after
WHERE after[0] < before[1]
WITH before[2] + ' and ' + after[2] AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
