"""A workshop for tests of ingest, in this process: videos are mined once, then stored and forgotten many times."""

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
from ingest.context import Context
from ingest.engine.local import LocalEngine
from ingest.miner import mine_video
from ingest.model import MinedVideo
from ingest.reporting.report import Report
from ingest.reporting.summary import Summary
from ingest.retention.forget import finish_forgetting
from ingest.settings import ClusterSettings, IngestSettings, MiningSettings
from ingest.storage import store_video
from tests.conftest import Graph

T = TypeVar("T")
R = TypeVar("R")

CLUSTERING = ClusterSettings(parents=2, min_parent_size=4, neighbors=6)
SHARD_BYTES = 2**17
"""Size of a shard: it holds a few videos."""
MININGS = {"first": MiningSettings(frames=True), "again": MiningSettings(frames=True, stride=7)}
"""Two settings for mining the same videos, which give different tracks in some of them."""


class InlineEngine(LocalEngine):
    """Runs every task in this process."""

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        return ((task, function(task)) for task in tasks)


class Killed(Exception):
    """Raised where a real process would be killed."""


class MortalStore(RemovalStore):
    """Raises Killed before write number `lives`, if it is set, as if the process were killed between two writes."""

    lives: int | None = None

    def _require_free_space(self) -> None:
        if self.lives is not None:
            if self.lives == 0:
                raise Killed
            self.lives -= 1
        super()._require_free_space()


class Workshop:
    """A graph and its data folder. `mined` holds the mined videos by settings and id."""

    def __init__(self, graph: Graph, mined: dict[str, dict[str, MinedVideo]]) -> None:
        self.graph = graph
        self.mined = mined
        self.report = Report(Console(file=StringIO()))

    @property
    def videos(self) -> list[str]:
        return sorted(self.mined["first"])

    def empty(self, fits: Path | None = None) -> None:
        """Empty the graph and the data folder; use the cluster models in `fits`, if given."""
        self.graph.cypher("MATCH (n) WHERE NOT n:Store DETACH DELETE n")
        folder = self.graph.folder
        for place in (folder.archive, folder.features, folder.fits, folder.views):
            shutil.rmtree(place, ignore_errors=True)
        if fits:
            shutil.copytree(fits, folder.fits)

    def work(self, step: Callable[[Context], T], lives: int | None = None) -> T:
        """Run a step as a command does: connect, lock the archive, and finish what was interrupted."""
        server, folder = self.graph.server, self.graph.folder
        with (
            MortalStore(server.uri, server.user, server.password) as store,
            ArchiveWriter(folder.archive, store.shards, shard_bytes=SHARD_BYTES) as archive,
        ):
            store.lives = lives
            store.sweep_snapshots()
            context = Context(store, folder, archive, InlineEngine(), self.report)
            finish_forgetting(context)
            return step(context)

    def add(self, videos: Sequence[str], way: str = "first", lives: int | None = None) -> None:
        """Store these videos, as `affinity ingest --no-link` does."""
        settings = MININGS[way]

        def step(context: Context) -> None:
            for video in videos:
                store_video(self.mined[way][video], settings, context)

        self.work(step, lives)

    def publish(self, lives: int | None = None, **settings: Any) -> Snapshot:
        """Publish a snapshot, as `affinity cluster` does."""
        chosen = IngestSettings(clustering=CLUSTERING, **settings)
        summary = Summary()
        self.work(lambda context: pipeline.publish(context, chosen, summary), lives)
        assert summary.snapshot is not None
        return summary.snapshot

    def forget(self, videos: Sequence[str], lives: int | None = None) -> dict[str, str | None]:
        """Forget videos, as `affinity forget` does; return the snapshots that ended, with their successors."""

        def step(context: Context) -> dict[str, str | None]:
            context.store.begin_forgetting(videos)
            return finish_forgetting(context).snapshots

        return self.work(step, lives)

    def edges(self, snapshot: str) -> set[tuple[str, str, float]]:
        """Read the INTER edges of a snapshot, with their similarity."""
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
    """Store all videos in an empty graph. Publish a snapshot for training, then one of all videos; return that."""
    workshop.empty()
    workshop.add(workshop.videos)
    return workshop.publish(hold_out=0.3)


def mine_both_ways(paths: Sequence[Path]) -> dict[str, dict[str, MinedVideo]]:
    """Mine each video with both settings; leave out videos that give no track with one of them."""
    mined = {way: [mine_video(path, settings) for path in paths] for way, settings in MININGS.items()}
    bare = {video.id for videos in mined.values() for video in videos if not video.tracks}
    return {way: {video.id: video for video in videos if video.id not in bare} for way, videos in mined.items()}
