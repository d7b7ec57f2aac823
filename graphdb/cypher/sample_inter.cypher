// INTER edges by key (Sec. 5), with A or the end of its track, and B or the end of its own, as a pair has them.
// One record of columns; `i` restores the order. What can be told from something else is not read: the id of an end is
// its start's plus the length of the track, and the group is the parent of the edge's segment.
// The hint: a plan made when the graph had just been written was once seen to scan all edges for each key, for as
// long as it was kept.
UNWIND range(0, size($keys) - 1) AS i
MATCH (start)-[r:INTER {key: $keys[i]}]->(other)
USING INDEX r:INTER(key)
WITH i, start, other, r.similarity AS similarity,
     CASE WHEN $aEnds[i] THEN head([(start)-[:INTRA {frames: $frames}]->(end) WHERE $aEnds[i] | end]) ELSE start END AS a,
     CASE WHEN $bEnds[i] THEN head([(other)-[:INTRA {frames: $frames}]->(end) WHERE $bEnds[i] | end]) ELSE other END AS b
RETURN collect(i) AS i, collect(similarity) AS similarity, collect(start.id) AS a_id, collect(other.id) AS b_id,
       collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size
