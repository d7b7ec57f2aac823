// Tracks by key, with the parent of the start. One record of columns; `i` restores the order.
// The hint: a plan made when the graph had just been written was once seen to scan all edges for each key, for as
// long as it was kept.
UNWIND range(0, size($keys) - 1) AS i
MATCH (a)-[r:INTRA {key: $keys[i]}]->(b)
USING INDEX r:INTRA(key)
WITH i, a, b, r.frames AS frames, head([(a)-[:IN]->(p:Parent {fit: $fit}) | p.number]) AS number
RETURN collect(i) AS i, collect(coalesce(number, -1)) AS number, collect(frames) AS frames,
       collect(a.id) AS a_id, collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size
