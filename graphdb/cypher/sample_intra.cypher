// Tracks by key, with the group of the start. One record of columns; `i` restores the order.
UNWIND range(0, size($keys) - 1) AS i
MATCH (a:Start)-[:INTRA {key: $keys[i]}]->(b:End)
WITH i, a, b, head([(a)-[:IN]->(p:Parent {fit: $fit}) | p.id]) AS parent
RETURN collect(i) AS i, collect(coalesce(parent, '')) AS parent,
       collect(a.id) AS a_id, collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.id) AS b_id, collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size
