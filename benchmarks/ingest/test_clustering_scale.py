"""Clustering of up to a million starts with features of 4,608 numbers on disk: assign them, and link their parents.

Uses `AFFINITY_BENCH_STARTS` starts (default 10,000) and `AFFINITY_BENCH_PARENTS` parents (default: one for 1,000
starts): `make bench-clustering STARTS=1000000`. The features are deleted afterwards; a million take 9.2 GB.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import psutil

from benchmarks.memory import PeakMemory, cpu_seconds
from graphdb.model import InterEdges, parent_id, start_id
from ingest.clustering.cluster_model import ClusterModel, fit_cluster_model, model_path, sample_starts, save_model
from ingest.clustering.kmeans import UNCLUSTERED
from ingest.clustering.tasks import LinkTask, Member, assign_tasks, assign_videos, link_parent
from ingest.engine.local import LocalEngine
from ingest.features.storage import features_path, read_rows
from ingest.settings import ClusterSettings

STARTS = int(os.environ.get("AFFINITY_BENCH_STARTS") or 10_000)
PARENTS = int(os.environ.get("AFFINITY_BENCH_PARENTS") or max(1, STARTS // 1000))
WORKERS = 2
DIMS, PER_VIDEO, KINDS, LATENT = 4608, 100, 3000, 6
EXTRACTOR = "0123456789abcdef"
MAX_SECONDS, MAX_MIB = 600.0, 4096
"""Limits for a million starts on two cores, without the page cache."""
SETTINGS = ClusterSettings(
    parents=PARENTS, min_parent_size=20, neighbors=10, max_points_per_centroid=16, kmeans_iterations=5
)


def ids_of(video: str) -> list[str]:
    return [start_id(video, 25 * i, 210, 120, 204) for i in range(PER_VIDEO)]


@dataclass(frozen=True)
class World:
    """Rectified features of many kinds of objects; each kind varies in a few dimensions."""

    seed: int = 0

    def write(self, folder: Path, videos: int) -> None:
        random = np.random.default_rng(self.seed)
        kinds = random.standard_normal((KINDS, 64), np.float32)
        ways = random.standard_normal((LATENT, 64), np.float32)
        units = random.standard_normal((64, DIMS), np.float32) / 8
        (folder / EXTRACTOR).mkdir()
        for number in range(videos):
            kind = random.integers(0, KINDS, PER_VIDEO)
            latent = kinds[kind] + 0.2 * random.standard_normal((PER_VIDEO, LATENT), np.float32) @ ways
            rows = np.maximum(latent @ units, 0).astype(np.float16)
            # As `write_features` writes it, but without a sync of each file, which is not measured here.
            np.save(features_path(folder, EXTRACTOR, f"{number:016x}"), rows)


def sample_fit(folder: Path, videos: int) -> ClusterModel:
    """Fit the cluster model to a sample; only the sample is read."""
    wanted = [
        (f"{row // PER_VIDEO:016x}", row % PER_VIDEO) for row in sample_starts(videos * PER_VIDEO, SETTINGS).tolist()
    ]
    ids = [f"{video}-{row}" for video, row in wanted]
    return fit_cluster_model(ids, read_rows(folder, EXTRACTOR, wanted), EXTRACTOR, SETTINGS)


def assigned(engine: LocalEngine, folder: Path, fit: ClusterModel, videos: int) -> dict[int, list[Member]]:
    """Assign all starts; return the members of every parent, in id order."""
    members: dict[int, list[Member]] = defaultdict(list)
    names = [f"{number:016x}" for number in range(videos)]
    for task, result in engine.map(assign_videos, assign_tasks(names, fit.id, folder, folder, EXTRACTOR)):
        assert not isinstance(result, Exception), result
        for video, numbers in zip(task.names, result, strict=True):
            for row, (id, parent) in enumerate(zip(ids_of(video), numbers, strict=True)):
                if parent != UNCLUSTERED:
                    members[parent].append(Member(id, video, row))
    return {parent: sorted(of) for parent, of in sorted(members.items()) if len(of) >= (SETTINGS.min_parent_size or 0)}


def linked(engine: LocalEngine, tasks: Iterable[LinkTask]) -> Iterator[InterEdges]:
    for _, result in engine.map(link_parent, tasks):
        assert isinstance(result, InterEdges), result
        yield result


def content(inter: InterEdges) -> str:
    """Return a hash of edges and children."""
    return blake2b(repr((inter.parent, inter.edges, inter.children)).encode()).hexdigest()


@contextmanager
def timed(name: str, rows: int, seconds: dict[str, float]) -> Iterator[None]:
    used, began = used_cpu_seconds(), time.perf_counter()
    yield
    seconds[name], used = time.perf_counter() - began, used_cpu_seconds() - used
    print(f"  {name:<10} {seconds[name]:>8.1f} s (CPU {used:,.1f} s)  {rows / seconds[name]:>8,.0f} starts/s")


def used_cpu_seconds() -> float:
    me = psutil.Process()
    return cpu_seconds(me, *me.children(recursive=True))


def test_assigning_and_linking(tmp_path: Path) -> None:
    videos = STARTS // PER_VIDEO
    print(f"\n{STARTS:,} starts of {DIMS:,} numbers, {videos:,} videos, {PARENTS:,} parents, {WORKERS} workers")
    seconds: dict[str, float] = {}
    try:
        with timed("(written)", STARTS, seconds):
            World().write(tmp_path, videos)
        with timed("(fit)", SETTINGS.max_points_per_centroid * PARENTS, seconds):
            fit = sample_fit(tmp_path, videos)
            assert save_model(tmp_path, fit) == model_path(tmp_path, fit.id)
        cluster(tmp_path, fit, videos, seconds)
    finally:
        for file in (tmp_path / EXTRACTOR).glob("*.npy"):
            file.unlink()


def cluster(folder: Path, fit: ClusterModel, videos: int, seconds: dict[str, float]) -> None:
    with PeakMemory() as memory, LocalEngine(WORKERS) as engine:
        with timed("assign", STARTS, seconds):
            members = assigned(engine, folder, fit, videos)
        tasks = [
            # `canonical` is given, so that signatures of copies are not searched.
            LinkTask(parent_id(fit.id, number), str(number), of, folder, folder, folder, fit.id, canonical={})
            for number, of in members.items()
        ]
        with timed("link", STARTS, seconds):
            found = {
                inter.parent: (len(inter.edges), len(inter.children), content(inter)) for inter in linked(engine, tasks)
            }
    sizes = [len(each) for each in members.values()]
    edges, children = sum(each[0] for each in found.values()), sum(each[1] for each in found.values())
    print(f"  {edges:,} edges and {children:,} children in {len(found):,} parents,")
    print(f"  which have {min(sizes):,} to {max(sizes):,} starts")
    print(f"  {memory.total:,.0f} MiB peak, {memory.largest:,.0f} MiB the largest process; without page cache")
    again = [task for task in tasks if int(task.inputs) % 20 == 0]
    with LocalEngine(1) as engine:
        for inter in linked(engine, again):
            assert content(inter) == found[inter.parent][2]
    print(f"  {len(again):,} parents linked again in one process: bit-equal")
    assert edges and children
    assert memory.total < MAX_MIB
    assert seconds["assign"] + seconds["link"] < MAX_SECONDS * max(1.0, STARTS / 1e6)
