// Tracks by key, with the parent of the start. The answer is one record of columns: `i` restores the order.
// The hint is needed because a plan that was made just after the graph was written once scanned all edges for each key,
// and Neo4j kept using that plan.
UNWIND range(0, size($keys) - 1) AS i
MATCH (a)-[r:INTRA {key: $keys[i]}]->(b)
USING INDEX r:INTRA(key)
WITH i, a, b, r.frames AS frames, head([(a)-[:IN]->(p:Parent {fit: $fit}) | p.number]) AS number
RETURN collect(i) AS i, collect(coalesce(number, -1)) AS number, collect(frames) AS frames,
       collect(a.id) AS a_id, collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size
