"""Pruning and --refit: kept snapshots do not change, and the rest is deleted, even if pruning is interrupted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from api.errors import ImagesMoving
from api.sampling.order import Mix
from api.sampling.triplets import TripletQuery, TripletSample
from api.service import Service
from api.settings import ServiceSettings
from graphdb.archive.shards import shard_files
from graphdb.errors import SnapshotGone
from graphdb.maintenance import compaction
from graphdb.model import Location, Snapshot
from ingest.context import Context
from ingest.retention.forget import finish_forgetting
from ingest.retention.prune import execute, make_plan
from tests.integration.fingerprint import fingerprint
from tests.integration.killing import killed
from tests.integration.workshop import SHARD_BYTES, Killed, Workshop, published

PORTION = 2**14
"""Bytes of a portion in these tests: a few images, so that a shard has several portions."""


def content(workshop: Workshop, snapshot: Snapshot) -> object:
    """Read all that a trainer gets of a snapshot."""
    store = workshop.graph.store
    assert store.snapshot(snapshot.id) == snapshot
    return (
        store.snapshot_starts(snapshot.id),
        workshop.edges(snapshot.id),
        workshop.children(snapshot.id),
        store.segments(snapshot.id).intra_count.tolist(),
    )


def prune(workshop: Workshop, keep: int, lives: int | None = None) -> None:
    """Prune, as `affinity graph prune` does."""
    workshop.work(lambda context: execute(make_plan(context.store, context.folder, keep), context), lives)


def fits(workshop: Workshop) -> set[str]:
    return {path.stem for path in workshop.graph.folder.fits.glob("*.npz")}


def test_a_refit_makes_new_parents_for_new_videos_and_leaves_older_snapshots_unchanged(workshop: Workshop) -> None:
    half, rest = workshop.videos[:9], workshop.videos[9:]
    workshop.empty()
    workshop.add(half)
    first = workshop.publish()
    before = content(workshop, first)
    workshop.add(rest[:3])
    refitted = workshop.publish(refit=True)
    assert refitted.fit != first.fit and fits(workshop) == {first.fit, refitted.fit}
    assert content(workshop, first) == before
    workshop.add(rest[3:])
    grown = workshop.publish()
    assert grown.fit == refitted.fit
    parents = workshop.graph.cypher(
        "MATCH (:Snapshot {id: $id})-[:USES]->(:Segment)-[:OF]->(p:Parent) RETURN DISTINCT p.fit AS fit", id=grown.id
    )
    assert parents == [{"fit": refitted.fit}]
    assert content(workshop, first) == before
    assert workshop.check().found == []


def test_pruning_keeps_the_newest_snapshots_and_those_read_within_a_day_and_deletes_the_rest(
    workshop: Workshop,
) -> None:
    old = published(workshop)
    workshop.add(workshop.videos[:4], "again")
    read = workshop.publish(refit=True)
    workshop.graph.store.touch_snapshot(read.id)
    workshop.add(workshop.videos[4:6], "again")
    last = workshop.publish(refit=True)
    kept = {snapshot.id: content(workshop, snapshot) for snapshot in (read, last)}
    for place in ("0123456789abcdef", "notes"):
        (workshop.graph.folder.features / place).mkdir()
    (workshop.graph.folder.features / "0123456789abcdef" / f"{workshop.videos[0]}.npy").write_bytes(b"old")
    (workshop.graph.folder.features / "notes" / "mine.txt").write_text("precious")
    size = sum(path.stat().st_size for path in workshop.graph.folder.archive.glob("*.tar"))

    before = fingerprint(workshop.graph)
    planned = workshop.graph.json("graph", "prune", "--keep", "1", "--dry-run")
    assert fingerprint(workshop.graph) == before
    done = workshop.graph.json("graph", "prune", "--keep", "1")

    assert done["kept"] == planned["kept"] == [last.id, read.id]
    assert {key: done["deleted"][key] for key in ("snapshots", "segments", "inter", "intra", "fits")} == {
        key: planned["deleted"][key] for key in ("snapshots", "segments", "inter", "intra", "fits")
    }
    assert (done["deleted"]["snapshots"], done["deleted"]["fits"]) == (2, 1)
    assert {snapshot.id: content(workshop, snapshot) for snapshot in (read, last)} == kept
    with pytest.raises(SnapshotGone) as gone:
        workshop.graph.store.snapshot(old.id)
    assert gone.value.successor == last.id
    assert fits(workshop) == {read.fit, last.fit}
    kept_tracks = {row["id"] for row in workshop.graph.cypher("MATCH (g:Segment {kind: 'intra'}) RETURN g.id AS id")}
    described = {path.stem.rpartition("-")[2] for path in workshop.graph.folder.features.glob("*/*.npy")}
    assert described and described <= kept_tracks
    assert not (workshop.graph.folder.features / "0123456789abcdef").exists()
    assert (workshop.graph.folder.features / "notes" / "mine.txt").read_text() == "precious"
    assert sum(path.stat().st_size for path in workshop.graph.folder.archive.glob("*.tar")) < size
    (workshop.graph.folder.features / "notes" / "mine.txt").unlink()
    assert workshop.check().found == []
    unused = "MATCH (g:Segment) WHERE NOT EXISTS { (g)<-[:USES]-() } RETURN count(g) AS count"
    assert workshop.graph.cypher(unused) == [{"count": 0}]
    assert workshop.graph.json("graph", "prune", "--keep", "1")["deleted"]["segments"] == 0


def test_pruning_interrupted_at_any_write_continues_and_gives_the_same_graph(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BATCH_BYTES", PORTION)
    published(workshop)
    workshop.add(workshop.videos[:4], "again")
    last = workshop.publish(refit=True)
    kept = content(workshop, last)
    for lives in range(100):
        try:
            prune(workshop, 1, lives)
            break
        except Killed:
            assert not workshop.check().damaged
            assert content(workshop, last) == kept
    assert lives > 5
    assert workshop.check().found == []
    assert workshop.graph.store.counts()["segments"] == len(workshop.graph.store.segments(last.id).intra_count) + len(
        workshop.graph.store.segments(last.id).inter_count
    )


def test_rewritten_shards_are_limited_in_size_and_have_new_numbers(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BATCH_BYTES", PORTION)
    published(workshop)
    graph, archive = fingerprint(workshop.graph), workshop.graph.folder.archive
    before = shard_files(archive)
    rewrite(workshop)
    after = shard_files(archive)
    assert len(after) > 1 and not set(after) & set(before)
    assert max(path.stat().st_size for path in after) < SHARD_BYTES + 2 * PORTION
    assert fingerprint(workshop.graph) == graph
    assert workshop.check().found == []


@pytest.mark.slow
def test_pruning_that_is_killed_continues(workshop: Workshop) -> None:
    published(workshop)
    workshop.add(workshop.videos[:4], "again")
    last = workshop.publish(refit=True)
    kept = content(workshop, last)
    for when in ("1", "4", ".npz", ".tar"):
        assert killed(when, workshop.graph.environment, "graph", "prune", "--keep", "1")
        assert not workshop.check().damaged
        assert content(workshop, last) == kept
    workshop.graph.run("graph", "prune", "--keep", "1")
    assert content(workshop, last) == kept
    assert workshop.check().found == []


def rewrite(workshop: Workshop) -> None:
    """Move every image to another shard."""

    def step(context: Context) -> None:
        shards = dict.fromkeys(context.store.shards(), 0)
        for _ in compaction.compact(context.store, context.archive, context.folder.archive, shards):
            pass

    workshop.work(step)


class Overtaken(Service):
    """A service whose archive is rewritten `moves` times between its query of the graph and its read of the archive.

    `deadline` limits the retries; a query of the graph has more time.
    """

    def __init__(self, workshop: Workshop, moves: int, deadline: float = 60.0) -> None:
        super().__init__(ServiceSettings(folder=workshop.graph.folder, deadline=60.0))
        self.settings = replace(self.settings, deadline=deadline)
        self.workshop, self.moves = workshop, moves

    async def triplets(self, snapshot: str, query: TripletQuery) -> TripletSample:
        sample = await super().triplets(snapshot, query)
        self._overtake()
        return sample

    async def _location(self, id: str) -> Location:
        location = await super()._location(id)
        self._overtake()
        return location

    def _overtake(self) -> None:
        if self.moves:
            self.moves -= 1
            rewrite(self.workshop)


def test_a_service_retries_while_images_are_moved(workshop: Workshop) -> None:
    snapshot = published(workshop)
    patch = workshop.graph.cypher("MATCH (a:Start) RETURN a.id AS id LIMIT 1")[0]["id"]
    query = TripletQuery(seed=0, mix=Mix.parse("intra:1"), negatives="batch", position=0, count=20)

    async def fetch(moves: int, deadline: float = 60.0) -> tuple[list[bytes], bytes]:
        service = Overtaken(workshop, moves, deadline)
        try:
            _, images = await service.triplets_with_images(snapshot.id, query)
            return [bytes(image) for image in images], await service.image(patch)
        finally:
            service.close()

    images, image = asyncio.run(fetch(0))
    for moves in (1, 3):
        assert asyncio.run(fetch(moves)) == (images, image)
    with pytest.raises(ImagesMoving, match="Repeat the request later"):
        asyncio.run(fetch(1000, deadline=0.5))


def test_tracks_that_no_snapshot_uses_yet_are_kept(workshop: Workshop) -> None:
    workshop.empty()
    workshop.add(workshop.videos[:3])
    before = workshop.graph.store.counts()
    prune(workshop, 1)
    assert workshop.graph.store.counts() == before


def test_finishing_without_marked_videos_changes_nothing(workshop: Workshop) -> None:
    published(workshop)
    before = fingerprint(workshop.graph)
    done = workshop.work(finish_forgetting)
    assert (done.videos, done.snapshots, done.bytes) == ({}, {}, 0)
    assert fingerprint(workshop.graph) == before
