"""Measure how long it takes to write a graph with the methods of the store, and its size on disk.

`AFFINITY_BENCH_PATCHES` patches (default: 20,000): `make bench-publishing PATCHES=1000000`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from benchmarks.graphs import FIT, FRAMES, Shape, holds_its_children
from benchmarks.memory import cpu_seconds
from foundation.data_folder import DataFolder
from graphdb.maintenance.bulk_import import import_graph
from graphdb.maintenance.export import export_graph
from graphdb.server.local import LocalServer
from tests.conftest import Graph, neo4j, open_graph

PATCHES = int(os.environ.get("AFFINITY_BENCH_PATCHES") or 20_000)
SECONDS = 1200.0
"""Limit for a million patches."""


class Stages:
    """Measures each stage: its time, and what it added to the graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.server = psutil.Process(LocalServer(graph.folder.neo4j).status().pid)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        before, used, began = entities(self._graph), self._used(), time.perf_counter()
        yield
        self.seconds[name] = seconds = time.perf_counter() - began
        server, driver = (now - then for now, then in zip(self._used(), used, strict=True))
        new = {what: count - before[what] for what, count in entities(self._graph).items() if count > before[what]}
        rates = ", ".join(f"{count / seconds:,.0f} {what}/s" for what, count in new.items())
        print(
            f"  {name:<10} {seconds:>8.1f} s (of processors: Neo4j {server:,.1f} s, driver {driver:,.1f} s)  "
            f"{sum(new.values()) / seconds:>8,.0f} entities/s: {rates}"
        )

    def _used(self) -> tuple[float, float]:
        return cpu_seconds(self.server), cpu_seconds(psutil.Process())


def entities(graph: Graph) -> dict[str, int]:
    counts = {label: f"(:{label})" for label in ("Video", "Patch", "Parent", "Child", "Segment")}
    counts |= {type: f"()-[:{type}]->()" for type in ("FROM", "INTRA", "IN", "INTER", "MEMBER", "OF", "USES")}
    text = ", ".join(f"COUNT {{ {pattern} }} AS `{what}`" for what, pattern in counts.items())
    return graph.cypher(f"RETURN {text}")[0]


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of the files of the store, by what they hold."""
    kinds = {"nodestore": "nodes", "relationship": "relationships", "propertystore": "properties"}
    found: dict[str, int] = {}
    for file in (path for path in folder.rglob("*") if path.is_file()):
        name = str(file.relative_to(folder))
        kind = "indexes" if "schema" in name else next((kinds[key] for key in kinds if key in name), "other")
        found[kind] = found.get(kind, 0) + file.stat().st_blocks * 512
    return found


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    with neo4j(tmp_path / "neo4j") as server:
        graph = open_graph(tmp_path, server)
        yield graph
        graph.close()


def test_writing_a_graph(graph: Graph, tmp_path: Path) -> None:
    shape, stages = Shape(PATCHES), Stages(graph)
    print(f"\nWriting {PATCHES:,} patches of {shape.videos:,} videos in {shape.parents:,} parents")
    segments = []
    with stages.stage("tracks"):
        for number, (video, tracks) in enumerate(shape.mined()):
            segments.append(graph.store.write_video(video, FRAMES, tracks, f"{number // 500:06d}", 10**9))
    assigned = shape.assigned()
    with stages.stage("parents"):
        graph.store.write_parents(FIT, assigned)
    with stages.stage("children"):
        for inter in shape.linked(assigned):
            segments.append(graph.store.write_inter(inter))
    with stages.stage("snapshot"):
        snapshot = graph.store.publish(segments, FRAMES, FIT, {})
    total = sum(stages.seconds.values())
    print(f"  {'all':<10} {total:>8.1f} s")
    print(f"  Neo4j: {stages.server.memory_full_info().pss / 2**20:,.0f} MiB in memory")
    assert holds_its_children(inter)
    counts = snapshot.counts
    assert (counts.patches, counts.inter) == (PATCHES, PATCHES * 5 // 2)
    assert total < SECONDS * max(1.0, PATCHES / 1e6)
    move(graph, tmp_path / "other", tmp_path / "exported", sum(entities(graph).values()))
    show_sizes(graph)


def move(graph: Graph, root: Path, exported: Path, count: int) -> None:
    """Export the graph, and import it into another server."""
    other = DataFolder.resolve(root)
    shutil.copy(graph.folder.store_file, other.store_file)
    began = time.perf_counter()
    export_graph(graph.store, graph.folder, exported)
    middle = time.perf_counter()
    try:
        counts = import_graph(other, exported, Console(quiet=True))
        ended = time.perf_counter()
    finally:
        LocalServer(other.neo4j).stop()
        shutil.rmtree(root)
    print(f"  {'export':<10} {middle - began:>8.1f} s  {count / (middle - began):>8,.0f} entities/s")
    rate = f"{count / (ended - middle):>8,.0f} entities/s"
    print(f"  {'import':<10} {ended - middle:>8.1f} s  {rate}, schema and two starts of the server too")
    assert counts == graph.store.counts()


def show_sizes(graph: Graph) -> None:
    there = entities(graph)
    nodes = sum(count for what, count in there.items() if what[1].islower())
    relationships = sum(there.values()) - nodes
    LocalServer(graph.folder.neo4j).stop()  # so that everything is in the files
    data = graph.folder.neo4j / "data"
    found = sizes(data / "databases" / "neo4j")
    print(f"  on disk: {nodes:,} nodes, {relationships:,} relationships; " + ", ".join(
        f"{what} {size / 2**20:,.0f} MiB" for what, size in sorted(found.items(), key=lambda item: -item[1])
    ))  # fmt: skip
    logs = sum(path.stat().st_size for path in (data / "transactions").rglob("*") if path.is_file())
    print(
        f"  {sum(found.values()) / 2**20:,.0f} MiB, {sum(found.values()) / PATCHES:,.0f} bytes a patch with all its "
        f"relationships, {sum(found.values()) / (nodes + relationships):,.0f} a node or relationship; "
        f"transaction logs {logs / 2**20:,.0f} MiB"
    )
