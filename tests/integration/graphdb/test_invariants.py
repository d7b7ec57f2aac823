"""Invariants of a published graph: the rules of `affinity graph check`, and those of the settings of the tests."""

from __future__ import annotations

from typing import Any

import pytest

from graphdb.archive.reader import ArchiveReader
from graphdb.model import Location
from ingest.video.crops import decode_jpeg
from tests.conftest import Graph

RULES_OF_WORLD = {
    "INTER joins different videos": """
        MATCH (v:Video)<-[:FROM]-(a)-[r:INTER]->(b)-[:FROM]->(v)
        RETURN count(r) AS violations""",
    "every start has its whole frame": """
        MATCH (a:Start) WHERE NOT (a)-[:SEEN]->(:Frame)
        RETURN count(a) AS violations""",
}
"""Rules that follow from the settings of `world`."""


def test_the_world_has_everything(world: Graph) -> None:
    counts = world.store.snapshot("latest").counts
    assert min(counts.videos, counts.intra, counts.inter, counts.children, counts.parents, counts.transitive) > 0
    assert len(world.store.snapshots()) == 2


@pytest.mark.parametrize("rule", RULES_OF_WORLD)
def test_the_world_violates_no_rule(rule: str, world: Graph) -> None:
    assert world.cypher(RULES_OF_WORLD[rule]) == [{"violations": 0}]


def test_the_check_of_the_world_finds_no_problem(world: Graph) -> None:
    result = world.json("graph", "check")
    counts = world.store.counts()
    assert result["found"] == []
    assert result["checked"]["images"] == counts["patches"] + counts["frames"]
    assert result["checked"]["tracks"] == counts["intra"]


def images(world: Graph, label: str) -> list[dict[str, Any]]:
    return world.cypher(f"MATCH (n:{label}) RETURN n.id AS id, n.shard AS shard, n.offset AS offset, n.size AS size")


def test_every_patch_is_in_the_archive_and_decodes_to_96_by_96(world: Graph) -> None:
    reader = ArchiveReader(world.folder.archive)
    rows = images(world, "Patch")
    for row in rows:
        jpeg = reader.read(Location(row["shard"], row["offset"], row["size"]))
        assert decode_jpeg(jpeg).shape == (96, 96, 3), row["id"]
    assert len(rows) == 2 * world.store.snapshot("latest").counts.intra


def test_every_frame_is_in_the_archive_and_decodes(world: Graph) -> None:
    reader = ArchiveReader(world.folder.archive)
    for row in images(world, "Frame"):
        jpeg = reader.read(Location(row["shard"], row["offset"], row["size"]))
        assert min(decode_jpeg(jpeg).shape[:2]) <= 256, row["id"]


def test_the_held_out_videos_are_in_no_edge_of_the_first_snapshot(world: Graph) -> None:
    everything, training = world.store.snapshots()
    kept = {id for _, ids in world.store.snapshot_starts(training.id).values() for id in ids}
    every = {id for _, ids in world.store.snapshot_starts(everything.id).values() for id in ids}
    assert kept < every
    assert {id for pair in world.store.snapshot_inter(training.id) for id in pair} <= kept
    assert all(int(id.partition("-")[0], 16) >= 2**62 for id in kept)
    assert all(int(id.partition("-")[0], 16) < 2**62 for id in every - kept)
