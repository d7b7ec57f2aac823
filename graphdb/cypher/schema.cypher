// Every constraint and index. Unique values make each write repeatable, and each look-up an index seek.
CREATE CONSTRAINT store_name IF NOT EXISTS FOR (s:Store) REQUIRE s.name IS UNIQUE;
CREATE CONSTRAINT counter_kind IF NOT EXISTS FOR (c:Counter) REQUIRE c.kind IS UNIQUE;
CREATE CONSTRAINT shard_id IF NOT EXISTS FOR (s:Shard) REQUIRE s.id IS UNIQUE;
CREATE CONSTRAINT video_id IF NOT EXISTS FOR (v:Video) REQUIRE v.id IS UNIQUE;
CREATE CONSTRAINT patch_id IF NOT EXISTS FOR (p:Patch) REQUIRE p.id IS UNIQUE;
CREATE CONSTRAINT frame_id IF NOT EXISTS FOR (f:Frame) REQUIRE f.id IS UNIQUE;
CREATE CONSTRAINT parent_id IF NOT EXISTS FOR (p:Parent) REQUIRE p.id IS UNIQUE;
CREATE INDEX parent_fit IF NOT EXISTS FOR (p:Parent) ON (p.fit);
CREATE CONSTRAINT child_id IF NOT EXISTS FOR (c:Child) REQUIRE c.id IS UNIQUE;
CREATE CONSTRAINT segment_id IF NOT EXISTS FOR (s:Segment) REQUIRE s.id IS UNIQUE;
CREATE INDEX segment_kind IF NOT EXISTS FOR (s:Segment) ON (s.kind, s.frames);
CREATE INDEX segment_inputs IF NOT EXISTS FOR (s:Segment) ON (s.inputs);
CREATE CONSTRAINT snapshot_id IF NOT EXISTS FOR (s:Snapshot) REQUIRE s.id IS UNIQUE;
CREATE INDEX snapshot_created IF NOT EXISTS FOR (s:Snapshot) ON (s.created);
CREATE CONSTRAINT inter_key IF NOT EXISTS FOR ()-[r:INTER]-() REQUIRE r.key IS UNIQUE;
CREATE CONSTRAINT intra_key IF NOT EXISTS FOR ()-[r:INTRA]-() REQUIRE r.key IS UNIQUE;
CREATE INDEX copy_segment IF NOT EXISTS FOR ()-[r:COPY]-() ON (r.segment);
