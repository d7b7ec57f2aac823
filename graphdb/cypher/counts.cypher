// How much of everything there is; answered from the count store, whatever the size.
RETURN COUNT { (:Video) } AS videos,
       COUNT { (:Patch) } AS patches,
       COUNT { (:Frame) } AS frames,
       COUNT { ()-[:INTRA]->() } AS intra,
       COUNT { ()-[:INTER]->() } AS inter,
       COUNT { (:Child) } AS children,
       COUNT { (:Parent) } AS parents,
       COUNT { (:Segment) } AS segments,
       COUNT { (:Snapshot) } AS snapshots
