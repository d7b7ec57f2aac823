// The whole frames that tracks start in, by the keys of the tracks. The answer is one record of columns: `i` restores
// the order, and leaves out tracks whose frame was not kept.
UNWIND range(0, size($keys) - 1) AS i
MATCH (a)-[r:INTRA {key: $keys[i]}]->()
USING INDEX r:INTRA(key)
WITH i, head([(a)-[:SEEN]->(f:Frame) | f]) AS f
RETURN count(i) AS tracks, collect(CASE WHEN f IS NOT NULL THEN i END) AS i, collect(f.id) AS id,
       collect(f.shard) AS shard, collect(f.offset) AS offset, collect(f.size) AS size
