// INTER edges by key, each with both tracks: A' – A – B – B' (Sec. 5). One record of columns; `i` restores the order.
UNWIND range(0, size($keys) - 1) AS i
MATCH (a:Start)-[r:INTER {key: $keys[i]}]->(b:Start)
WITH i, a, b, r.similarity AS similarity,
     head([(a)-[:INTRA {frames: $frames}]->(end:End) | end]) AS c,
     head([(b)-[:INTRA {frames: $frames}]->(end:End) | end]) AS d,
     head([(a)-[:IN]->(p:Parent {fit: $fit}) | p.id]) AS parent
RETURN collect(i) AS i, collect(coalesce(parent, '')) AS parent, collect(similarity) AS similarity,
       collect(a.id) AS a_id, collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.id) AS b_id, collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size,
       collect(c.id) AS c_id, collect(c.shard) AS c_shard, collect(c.offset) AS c_offset, collect(c.size) AS c_size,
       collect(d.id) AS d_id, collect(d.shard) AS d_shard, collect(d.offset) AS d_offset, collect(d.size) AS d_size
