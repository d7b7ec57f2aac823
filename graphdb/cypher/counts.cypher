// The number of nodes and relationships of each kind. Neo4j reads them from its count store, whatever the size.
RETURN COUNT { (:Video) } AS videos,
       COUNT { (:Patch) } AS patches,
       COUNT { (:Frame) } AS frames,
       COUNT { ()-[:INTRA]->() } AS intra,
       COUNT { ()-[:INTER]->() } AS inter,
       COUNT { (:Child) } AS children,
       COUNT { (:Parent) } AS parents,
       COUNT { (:Segment) } AS segments,
       COUNT { (:Snapshot) } AS snapshots
