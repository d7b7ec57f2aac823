"""Ingest below mining, in this process: what was mined once is stored, linked, forgotten and mined again at will."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from graphdb.archive.writer import ArchiveWriter
from graphdb.consistency.check import check
from graphdb.consistency.findings import Findings
from graphdb.model import Snapshot
from graphdb.store.deletion import RemovalStore
from ingest import pipeline
from ingest.engine.local import LocalEngine
from ingest.miner import mine_video
from ingest.model import MinedVideo
from ingest.progress import Report
from ingest.retention.forget import finish
from ingest.settings import ClusterSettings, IngestSettings, MiningSettings
from ingest.storage import store_video
from ingest.summary import Summary
from tests.conftest import Graph

T = TypeVar("T")
R = TypeVar("R")

CLUSTERING = ClusterSettings(parents=2, min_parent_size=4, neighbors=6)
SHARD_BYTES = 2**17
"""Shards of some videos."""
MININGS = {"first": MiningSettings(frames=True), "again": MiningSettings(frames=True, stride=7)}
"""Two ways of mining the same videos, which find other tracks in some of them."""


class InlineEngine(LocalEngine):
    """Runs every task at once, where it stands."""

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        return ((task, function(task)) for task in tasks)


class Killed(Exception):
    """What stands for the end of the process."""


class MortalStore(RemovalStore):
    """Dies before its write number `lives`, if that is set, as a process does that is killed between two of them."""

    lives: int | None = None

    def _require_room(self) -> None:
        if self.lives is not None:
            if self.lives == 0:
                raise Killed
            self.lives -= 1
        super()._require_room()


class Workshop:
    """A graph and its data folder, emptied before use. `mined`: of each way of mining, the videos by id."""

    def __init__(self, graph: Graph, mined: dict[str, dict[str, MinedVideo]]) -> None:
        self.graph = graph
        self.mined = mined
        self.report = Report(Console(file=StringIO()))

    @property
    def videos(self) -> list[str]:
        return sorted(self.mined["first"])

    def empty(self, fits: Path | None = None) -> None:
        """Begin anew, with these centroid fits in force."""
        self.graph.cypher("MATCH (n) WHERE NOT n:Store DETACH DELETE n")
        folder = self.graph.folder
        for place in (folder.archive, folder.features, folder.fits, folder.views):
            shutil.rmtree(place, ignore_errors=True)
        if fits:
            shutil.copytree(fits, folder.fits)

    def work(self, step: Callable[[MortalStore, ArchiveWriter], T], lives: int | None = None) -> T:
        """A step as one command does it: connected anew, as the one writer, after what was cut is finished."""
        server, folder = self.graph.server, self.graph.folder
        with (
            MortalStore(server.uri, server.user, server.password) as store,
            ArchiveWriter(folder.archive, store.shards, shard_bytes=SHARD_BYTES) as archive,
        ):
            store.lives = lives
            store.sweep_snapshots()
            finish(store, folder, archive, InlineEngine(), self.report)
            return step(store, archive)

    def add(self, videos: Sequence[str], way: str = "first", lives: int | None = None) -> None:
        """What `affinity ingest --no-link` does with these videos once they are mined."""
        settings = MININGS[way]

        def step(store: RemovalStore, archive: ArchiveWriter) -> None:
            for video in videos:
                store_video(self.mined[way][video], settings, store, archive, self.graph.folder.views)

        self.work(step, lives)

    def publish(self, lives: int | None = None, **settings: Any) -> Snapshot:
        """`affinity cluster`."""
        chosen = IngestSettings(clustering=CLUSTERING, **settings)
        summary = Summary()

        def step(store: RemovalStore, archive: ArchiveWriter) -> None:
            pipeline.publish(store, self.graph.folder, InlineEngine(), chosen, self.report, summary)

        self.work(step, lives)
        assert summary.snapshot is not None
        return summary.snapshot

    def forget(self, videos: Sequence[str], lives: int | None = None) -> dict[str, str | None]:
        """`affinity forget`; the snapshots that ended, with their successors."""

        def step(store: RemovalStore, archive: ArchiveWriter) -> dict[str, str | None]:
            store.begin_forgetting(videos)
            return finish(store, self.graph.folder, archive, InlineEngine(), self.report).snapshots

        return self.work(step, lives)

    def edges(self, snapshot: str) -> set[tuple[str, str, float]]:
        """Every INTER edge of a snapshot, with its similarity."""
        rows = self.graph.cypher(
            """
            MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'inter'})
            MATCH (a)-[r:INTER]->(b) WHERE r.key >= g.first AND r.key < g.first + g.count
            RETURN a.id AS a, b.id AS b, r.similarity AS similarity""",
            id=snapshot,
        )
        return {(row["a"], row["b"], row["similarity"]) for row in rows}

    def children(self, snapshot: str) -> set[tuple[str, ...]]:
        rows = self.graph.cypher(
            """
            MATCH (:Snapshot {id: $id})-[:USES]->(:Segment)<-[:IN]-(c:Child)
            RETURN COLLECT { MATCH (a)-[:MEMBER]->(c) RETURN a.id ORDER BY a.id } AS members""",
            id=snapshot,
        )
        return {tuple(row["members"]) for row in rows}

    def check(self) -> Findings:
        return check(self.graph.folder, Console(file=StringIO()))


def published(workshop: Workshop) -> Snapshot:
    """A new graph of all videos with a snapshot of those that are not held out, and one of all; the latter."""
    workshop.empty()
    workshop.add(workshop.videos)
    return workshop.publish(hold_out=0.3)


def mine_both_ways(paths: Sequence[Path]) -> dict[str, dict[str, MinedVideo]]:
    """Each video mined in every way; those that give no track in one are left out."""
    mined = {way: [mine_video(path, settings) for path in paths] for way, settings in MININGS.items()}
    bare = {video.id for videos in mined.values() for video in videos if not video.tracks}
    return {way: {video.id: video for video in videos if video.id not in bare} for way, videos in mined.items()}
