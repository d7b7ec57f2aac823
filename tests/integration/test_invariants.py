"""What must hold of any published graph, asked by plain Cypher as anyone could at Neo4j Browser."""

from __future__ import annotations

from typing import Any

import pytest

from graphdb.archive import ArchiveReader
from graphdb.model import Location
from ingest.describing import decode
from tests.conftest import Graph

VIOLATIONS = {
    "INTER joins starts of one parent of its segment's fit": """
        MATCH (:Snapshot)-[:USES]->(g:Segment {kind: 'inter'})-[:OF]->(p:Parent)
        MATCH (a)-[r:INTER]->(b) WHERE r.key >= g.first AND r.key < g.first + g.count
          AND NOT (a:Start AND b:Start AND (a)-[:IN]->(p) AND (b)-[:IN]->(p))
        RETURN count(DISTINCT r) AS violations""",
    "INTER joins different videos": """
        MATCH (v:Video)<-[:FROM]-(a)-[r:INTER]->(b)-[:FROM]->(v)
        RETURN count(r) AS violations""",
    "INTER goes from the lower id to the higher": """
        MATCH (a)-[r:INTER]->(b) WHERE a.id >= b.id
        RETURN count(r) AS violations""",
    "every INTER edge comes from a child": """
        MATCH (a)-[r:INTER]->(b) WHERE NOT (a)-[:MEMBER]->(:Child)<-[:MEMBER]-(b)
        RETURN count(r) AS violations""",
    "a child has four members": """
        MATCH (c:Child) WHERE count { (c)<-[:MEMBER]-(:Start) } <> 4
        RETURN count(c) AS violations""",
    "every member of a child is joined to the other three": """
        MATCH (a:Start)-[:MEMBER]->(c:Child)-[:IN]->(g:Segment)
        WITH a, c, g, COUNT {
          MATCH (a)-[r:INTER]-(b)-[:MEMBER]->(c) WHERE r.key >= g.first AND r.key < g.first + g.count
        } AS joined
        WHERE joined <> 3
        RETURN count(*) AS violations""",
    "INTRA joins patches of one video, the end later": """
        MATCH (a)-[r:INTRA]->(b)
        WHERE NOT (a:Start AND b:End AND b.frame = a.frame + r.frames AND b.time > a.time
                   AND EXISTS { (a)-[:FROM]->(:Video)<-[:FROM]-(b) })
        RETURN count(r) AS violations""",
    "every start has a track": """
        MATCH (a:Start) WHERE NOT (a)-[:INTRA]->(:End)
        RETURN count(a) AS violations""",
    "a segment of tracks holds its run of keys": """
        MATCH (:Snapshot)-[:USES]->(g:Segment {kind: 'intra'})
        WITH DISTINCT g, COUNT {
          MATCH ()-[r:INTRA]->() WHERE r.key >= g.first AND r.key < g.first + g.count
        } AS found
        WHERE found <> g.count
        RETURN count(g) AS violations""",
    "a segment of edges holds its run of keys": """
        MATCH (:Snapshot)-[:USES]->(g:Segment {kind: 'inter'})
        WITH DISTINCT g, COUNT {
          MATCH ()-[r:INTER]->() WHERE r.key >= g.first AND r.key < g.first + g.count
        } AS found
        WHERE found <> g.count
        RETURN count(g) AS violations""",
    "no two segments of a kind share a key": """
        MATCH (g:Segment), (h:Segment {kind: g.kind})
        WHERE g.id < h.id AND g.count > 0 AND h.count > 0
          AND g.first < h.first + h.count AND h.first < g.first + g.count
        RETURN count(*) AS violations""",
    "a snapshot counts what its segments hold": """
        MATCH (s:Snapshot)-[:USES]->(g:Segment)
        WITH s, sum(CASE g.kind WHEN 'inter' THEN g.count ELSE 0 END) AS inter,
             sum(CASE g.kind WHEN 'intra' THEN g.count ELSE 0 END) AS intra
        WHERE s.inter <> inter OR s.intra <> intra OR s.published IS NULL
        RETURN count(s) AS violations""",
    "a fit places a start once": """
        MATCH (a:Start)-[:IN]->(p:Parent) WITH a, p.fit AS fit, count(p) AS parents WHERE parents <> 1
        RETURN count(*) AS violations""",
    "every start has its whole frame": """
        MATCH (a:Start) WHERE NOT (a)-[:SEEN]->(:Frame)
        RETURN count(a) AS violations""",
    "all pixels lie before the committed end of their shard": """
        MATCH (n:Patch|Frame) WHERE NOT EXISTS {
          MATCH (s:Shard {id: n.shard}) WHERE n.offset + n.size <= s.end
        }
        RETURN count(n) AS violations""",
}


def test_the_world_has_everything(world: Graph) -> None:
    counts = world.store.snapshot("latest").counts
    assert min(counts.videos, counts.intra, counts.inter, counts.children, counts.parents, counts.transitive) > 0
    assert len(world.store.snapshots()) == 2


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_no_violation(rule: str, world: Graph) -> None:
    assert world.cypher(VIOLATIONS[rule]) == [{"violations": 0}]


def images(world: Graph, label: str) -> list[dict[str, Any]]:
    return world.cypher(f"MATCH (n:{label}) RETURN n.id AS id, n.shard AS shard, n.offset AS offset, n.size AS size")


def test_every_patch_is_in_the_archive_and_decodes_to_96_by_96(world: Graph) -> None:
    reader = ArchiveReader(world.folder.archive)
    rows = images(world, "Patch")
    for row in rows:
        jpeg = reader.read(Location(row["shard"], row["offset"], row["size"]))
        assert decode(jpeg).shape == (96, 96, 3), row["id"]
    assert len(rows) == 2 * world.store.snapshot("latest").counts.intra


def test_every_frame_is_in_the_archive_and_decodes(world: Graph) -> None:
    reader = ArchiveReader(world.folder.archive)
    for row in images(world, "Frame"):
        jpeg = reader.read(Location(row["shard"], row["offset"], row["size"]))
        assert min(decode(jpeg).shape[:2]) <= 256, row["id"]


def test_the_held_out_videos_are_in_no_edge_of_the_first_snapshot(world: Graph) -> None:
    everything, training = world.store.snapshots()
    kept = {video for ids in world.store.snapshot_starts(training.id).values() for video in ids}
    every = {video for ids in world.store.snapshot_starts(everything.id).values() for video in ids}
    assert kept < every
    assert {id for pair in world.store.snapshot_inter(training.id) for id in pair} <= kept
    assert all(int(id.partition("-")[0], 16) >= 2**62 for id in kept)
    assert all(int(id.partition("-")[0], 16) < 2**62 for id in every - kept)
