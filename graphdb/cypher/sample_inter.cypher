// INTER edges by key, each with both tracks: A' – A – B – B' (Sec. 5). One record of columns; `i` restores the order.
// What can be told from something else is not read: the id of an end is its start's plus the length of the track.
UNWIND range(0, size($keys) - 1) AS i
MATCH (a)-[r:INTER {key: $keys[i]}]->(b)
MATCH (a)-[:IN]->(p:Parent {fit: $fit})
WITH i, a, b, r.similarity AS similarity, p.number AS number,
     head([(a)-[:INTRA {frames: $frames}]->(end) | end]) AS c,
     head([(b)-[:INTRA {frames: $frames}]->(end) | end]) AS d
RETURN collect(i) AS i, collect(number) AS number, collect(similarity) AS similarity,
       collect(a.id) AS a_id, collect(a.shard) AS a_shard, collect(a.offset) AS a_offset, collect(a.size) AS a_size,
       collect(b.id) AS b_id, collect(b.shard) AS b_shard, collect(b.offset) AS b_offset, collect(b.size) AS b_size,
       collect(c.shard) AS c_shard, collect(c.offset) AS c_offset, collect(c.size) AS c_size,
       collect(d.shard) AS d_shard, collect(d.offset) AS d_offset, collect(d.size) AS d_size
