// What a database holds, for one that has no Store node of ours; and what of it has names that ours has too.
CALL db.info() YIELD name
CALL () { CALL db.labels() YIELD label RETURN collect(label) AS labels }
RETURN name AS database, COUNT { () } AS nodes, COUNT { ()-->() } AS relationships, labels,
       [taken IN [
         [':Store', COUNT { (:Store) }], [':Counter', COUNT { (:Counter) }], [':Shard', COUNT { (:Shard) }],
         [':Video', COUNT { (:Video) }], [':Patch', COUNT { (:Patch) }], [':Start', COUNT { (:Start) }],
         [':End', COUNT { (:End) }], [':Frame', COUNT { (:Frame) }], [':Parent', COUNT { (:Parent) }],
         [':Child', COUNT { (:Child) }], [':Segment', COUNT { (:Segment) }], [':Snapshot', COUNT { (:Snapshot) }],
         ['[:INTRA]', COUNT { ()-[:INTRA]->() }], ['[:INTER]', COUNT { ()-[:INTER]->() }]
       ] WHERE taken[1] > 0 | taken[0]] AS taken
