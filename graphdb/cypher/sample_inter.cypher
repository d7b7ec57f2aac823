// INTER edges (A, B) by key (Sec. 5), each with A or the end of A's track, and B or the end of B's track.
// The answer is one record of columns: `i` restores the order. What follows from other values is not read: the id of an
// end is the id of its start plus the length of the track, and the group is the parent of the edge's segment.
// The hint is needed because a plan that was made just after the graph was written once scanned all edges for each key,
// and Neo4j kept using that plan.
UNWIND range(0, size($keys) - 1) AS i
MATCH (start)-[r:INTER {key: $keys[i]}]->(other)
USING INDEX r:INTER(key)
WITH i, start, other, r.similarity AS similarity,
     CASE WHEN $aEnds[i] THEN head([(start)-[:INTRA {frames: $frames}]->(end) WHERE $aEnds[i] | end]) ELSE start END AS a,
     CASE WHEN $bEnds[i] THEN head([(other)-[:INTRA {frames: $frames}]->(end) WHERE $bEnds[i] | end]) ELSE other END AS b
RETURN collect(i) AS i, collect(similarity) AS similarity, collect(start.id) AS a_id, collect(other.id) AS b_id,
       collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size
