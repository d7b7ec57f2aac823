// What a database holds, and which labels and relationship types in it are the same as ours.
CALL db.info() YIELD name
CALL () { CALL db.labels() YIELD label RETURN collect(label) AS labels }
RETURN name AS database, COUNT { () } AS nodes, COUNT { ()-->() } AS relationships, labels,
       [clash IN [
         [':Store', COUNT { (:Store) }], [':Counter', COUNT { (:Counter) }], [':Shard', COUNT { (:Shard) }],
         [':Video', COUNT { (:Video) }], [':Patch', COUNT { (:Patch) }], [':Start', COUNT { (:Start) }],
         [':End', COUNT { (:End) }], [':Frame', COUNT { (:Frame) }], [':Parent', COUNT { (:Parent) }],
         [':Child', COUNT { (:Child) }], [':Segment', COUNT { (:Segment) }], [':Snapshot', COUNT { (:Snapshot) }],
         ['[:INTRA]', COUNT { ()-[:INTRA]->() }], ['[:INTER]', COUNT { ()-[:INTER]->() }]
       ] WHERE clash[1] > 0 | clash[0]] AS clashes
