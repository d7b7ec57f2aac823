"""Measure the time and memory that it takes to forget a video, to prune, and to rewrite a shard.

`AFFINITY_BENCH_PATCHES` patches (default: 20,000); `make bench-removal PATCHES=262144` fills a shard. Images are tiny:
the number of images decides the cost of a shard. The successors of snapshots have tracks only: the benchmarks of
clustering measure the cost of clustering.
"""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

import psutil
import pytest
from PIL import Image
from rich.console import Console

from benchmarks.graphs import FIT, FRAMES, Shape
from benchmarks.memory import ProcessSampler, anonymous_mib, cpu_seconds
from graphdb.archive.writer import ArchiveWriter
from graphdb.maintenance.compaction import compact, dead_bytes
from graphdb.model import Track
from graphdb.server.local import LocalServer
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.deletion import RemovalStore
from ingest.context import Context
from ingest.engine.local import LocalEngine
from ingest.reporting.report import Report
from ingest.retention.forget import finish_forgetting
from ingest.retention.prune import execute, make_plan
from tests.conftest import Graph, neo4j, open_graph

PATCHES = int(os.environ.get("AFFINITY_BENCH_PATCHES") or 20_000)
IMAGES_PER_SHARD = 2**18
"""Images that fill a shard if each has the smallest size: one block of the tar file, and one for its header."""
SECONDS_A_SHARD = 30.0
"""Limit for rewriting a full shard."""
BARE = """
UNWIND $images AS image
CREATE (:Patch:Start {id: image.id, frame: 1, time: 0.04, x: 210, y: 120, side: 204, motion: 0.4,
                      shard: image.shard, offset: image.offset, size: image.size})
"""


def tiny_jpeg() -> bytes:
    file = BytesIO()
    Image.new("L", (16, 16), 128).save(file, "JPEG", optimize=True)
    assert file.tell() <= tarfile.BLOCKSIZE
    return file.getvalue()


class Peak(ProcessSampler):
    """The peak of a process's anonymous memory in MiB, while entered."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__()
        self._process = process
        self.mebi = anonymous_mib(process)

    def sample(self) -> None:
        self.mebi = max(self.mebi, anonymous_mib(self._process))


class Removal:
    """A graph with its images, and the measurement of work on it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.report = Report(Console(file=StringIO()))
        self._server = psutil.Process(LocalServer(graph.folder.neo4j).status().pid)

    @contextmanager
    def work(self) -> Iterator[tuple[RemovalStore, ArchiveWriter]]:
        """Open the store and the archive, as a command does."""
        server, folder = self.graph.server, self.graph.folder
        with (
            RemovalStore(server.uri, server.user, server.password, timeout=WHOLE_GRAPH_SECONDS) as store,
            ArchiveWriter(folder.archive, store.shards) as archive,
        ):
            yield store, archive

    @contextmanager
    def stage(self, name: str, count: int, unit: str) -> Iterator[list[float]]:
        """Print how long a stage took, and append the seconds to the list."""
        taken: list[float] = []
        used, began = cpu_seconds(self._server, psutil.Process()), time.perf_counter()
        with Peak(self._server) as peak:
            yield taken
        taken.append(time.perf_counter() - began)
        used = cpu_seconds(self._server, psutil.Process()) - used
        print(
            f"  {name:<16} {count:>8,} {unit:<13} {taken[0]:>7.2f} s (of processors {used:.2f} s)  "
            f"{count / taken[0]:>9,.0f} a second  Neo4j's peak {peak.mebi:,.0f} MiB"
        )


@pytest.fixture
def removal(tmp_path: Path) -> Iterator[Removal]:
    with neo4j(tmp_path / "neo4j") as server:
        graph = open_graph(tmp_path, server)
        yield Removal(graph)
        graph.close()


def fill(removal: Removal, shape: Shape) -> None:
    """Write two snapshots: the older one has all edges and tracks, the newer one half of the edges."""
    jpeg, segments = tiny_jpeg(), []
    with removal.work() as (store, archive):
        for video, tracks in shape.mined():
            ids = [patch.id for track in tracks for patch in (track.start, track.end)]
            at = iter(archive.append((id, jpeg) for id in ids))
            stored = [
                Track(replace(one.start, location=next(at)), replace(one.end, location=next(at)), FRAMES, None)
                for one in tracks
            ]
            segments.append(store.write_video(video, FRAMES, stored, archive.shard, archive.end))
        assigned = shape.assigned()
        store.write_parents(FIT, assigned)
        edges = [store.write_inter(inter) for inter in shape.linked(assigned)]
        for some in (edges, edges[: len(edges) // 2]):
            store.publish(segments + some, FRAMES, None, {})


def test_pruning_and_forgetting(removal: Removal) -> None:
    shape, folder = Shape(min(PATCHES, 100_000)), removal.graph.folder
    fill(removal, shape)
    print(f"\n{shape.patches:,} patches of {shape.videos:,} videos in {shape.parents:,} parents")
    with removal.work() as (store, archive), LocalEngine(1) as engine:
        context = Context(store, folder, archive, engine, removal.report)
        before = store.counts()["inter"]
        with removal.stage("prune", before // 2, "INTER"):
            execute(make_plan(store, folder, keep=1), context)
        assert before // 3 < store.counts()["inter"] < 2 * before // 3
        store.begin_forgetting([f"{0:016x}"])
        with removal.stage("forget a video", shape.patches, "patches stay"):
            finish_forgetting(context)
        assert store.counts()["patches"] == shape.patches - 2 * shape.tracks_a_video
        assert dead_bytes(store) == {}


def test_rewriting_a_shard(removal: Removal) -> None:
    jpeg, count = tiny_jpeg(), min(PATCHES, IMAGES_PER_SHARD)
    ids = [f"{number // 100:016x}-{number % 100:08d}-210-120-204" for number in range(count)]
    with removal.work() as (store, archive):
        rows = [
            {"id": id, **at._asdict()}
            for id, at in zip(ids, archive.append((id, jpeg) for id in ids), strict=True)
        ]  # fmt: skip
        for first in range(0, count, 10_000):
            removal.graph.cypher(BARE, images=rows[first : first + 10_000])
        store._write("write_shard", id=archive.shard, end=archive.end)
        print(f"\nA shard of {count:,} images, {archive.end / 2**20:,.0f} MiB")
        with removal.stage("look at pointers", count, "images"):
            assert dead_bytes(store) == {}
        for _ in range(3):
            shards = dict.fromkeys(store.shards(), 0)
            with removal.stage("rewrite", count, "images") as seconds:
                for _ in compact(store, archive, removal.graph.folder.archive, shards):
                    pass
            assert not set(shards) & set(store.shards())
    assert seconds[0] < SECONDS_A_SHARD
