"""How fast Cypher gives INTER edges with both their tracks, on a graph of 100,000 of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from graphdb.model import InterEdges, Location, Patch, Track, Video, end_id, parent_id, start_id
from tests.conftest import Graph, neo4j, open_graph
from tests.performance.rates import in_turn, show

VIDEOS, TRACKS, PARENTS, EDGES = 100, 500, 100, 1_000
FRAMES = 30


def track(video: str, frame: int) -> Track:
    start = start_id(video, frame, 10, 20, 100)
    a = Patch(start, frame, frame / 25, 10, 20, 100, 0.5, Location("000000", 512 * frame, 7000))
    b = Patch(end_id(start, FRAMES), frame + FRAMES, 9.0, 11, 20, 100, 0.0, Location("000001", 512 * frame, 7000))
    return Track(a, b, FRAMES, None)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """50,000 tracks and 100,000 INTER edges, written as ingest writes them."""
    root = tmp_path_factory.mktemp("large")
    random = np.random.default_rng(0)
    with neo4j(root / "neo4j") as server:
        graph = open_graph(root, server)
        began = time.perf_counter()
        starts: list[str] = []
        for number in range(VIDEOS):
            id = f"{number:016x}"
            tracks = [track(id, frame) for frame in range(TRACKS)]
            starts += [track.start.id for track in tracks]
            graph.store.write_video(
                Video(id, f"file:///{id}.mp4", 25.0, 320, 180, 600, 24.0, "m", 96), FRAMES, tracks, "000001", 10**9
            )
        middle = time.perf_counter()
        numbers = random.integers(0, PARENTS, len(starts)).tolist()
        graph.store.write_parents("fit", dict(zip(starts, numbers, strict=True)))
        placed = time.perf_counter()
        for number in range(PARENTS):
            pairs = np.sort(random.choice(len(starts), (EDGES, 2)), axis=1)
            edges = sorted((starts[a], starts[b], 0.5) for a, b in pairs if a != b)
            graph.store.write_inter(InterEdges(parent_id("fit", number), str(number), edges, []))
        ended = time.perf_counter()
        print(
            f"\nwritten: {VIDEOS * TRACKS / (middle - began):,.0f} tracks/s, "
            f"{len(starts) / (placed - middle):,.0f} parents/s, {PARENTS * EDGES / (ended - placed):,.0f} INTER/s"
        )
        yield graph
        graph.close()


def test_inter_edges_a_second(large: Graph) -> None:
    random = np.random.default_rng(1)
    total = large.store.counts()["inter"]

    def sample(count: int) -> float:
        ends = (random.random(count) < 2 / 3, random.random(count) < 2 / 3)
        keys = random.integers(0, total, count).tolist()
        rows = large.store.sample_inter(keys, np.full(count, "group", object), ends, FRAMES)
        return float(len(rows.similarity))

    rates = in_turn({f"{count:,} keys a query": partial(sample, count) for count in (100, 1_000, 5_000)})
    show("Cypher sampling", "edges/s", rates)
    assert min(rates["1,000 keys a query"]) > 0
