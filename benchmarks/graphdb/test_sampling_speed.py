"""Measure how fast Cypher samples INTER edges with the images of a pair, and whether the size of the graph matters.

`AFFINITY_BENCH_EDGES` INTER edges, besides 100,000: `make bench-sampling EDGES=1000000`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.graphs import FRAMES, Shape, publish
from benchmarks.rates import interleaved_rates, print_rates, print_ratios
from tests.conftest import Graph, neo4j, open_graph

EDGES = int(os.environ.get("AFFINITY_BENCH_EDGES") or 0)
ROUNDS = 9
BATCH = 256
SHUFFLED = """
MATCH (a)-[r:INTER]->(b)
WITH a, r, b
ORDER BY rand()
LIMIT $count
MATCH (a)-[:INTRA {frames: $frames}]->(c)
MATCH (b)-[:INTRA {frames: $frames}]->(d)
RETURN collect(r.similarity), collect(a.id), collect(b.id),
       collect(c.shard), collect(c.offset), collect(c.size), collect(d.shard), collect(d.offset), collect(d.size)
"""
"""A random sample without keys, the simple way to write it."""


@contextmanager
def written(root: Path, edges: int) -> Iterator[Graph]:
    """Write a graph with about this many INTER edges, as ingest writes it."""
    with neo4j(root / "neo4j") as server:
        graph = open_graph(root, server)
        began = time.perf_counter()
        snapshot = publish(graph, Shape(edges * 2 // 5))
        print(f"\n{snapshot.counts.inter:,} INTER edges, written in {time.perf_counter() - began:.0f} s")
        yield graph
        graph.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with written(tmp_path_factory.mktemp("small"), 100_000) as graph:
        yield graph


def sample(graph: Graph, random: np.random.Generator, total: int, count: int) -> float:
    """Sample edges at random keys, with two images each: starts and ends as often as in transitive pairs."""
    ends = (random.random(count) < 2 / 3, random.random(count) < 2 / 3)
    keys = random.integers(0, total, count).tolist()
    rows = graph.store.sample_inter(keys, np.full(count, "group", object), ends, FRAMES)
    return float(len(rows.similarity))


def test_inter_edges_a_second(small: Graph) -> None:
    random, total = np.random.default_rng(1), small.store.counts()["inter"]
    counts = (100, 1_000, 4_000, 5_000)
    rates = interleaved_rates(
        {f"{count:,} keys a query": partial(sample, small, random, total, count) for count in counts}
    )
    print_rates("Cypher sampling", "edges/s", rates)
    assert min(rates["1,000 keys a query"]) > 0


@pytest.mark.skipif(not EDGES, reason="AFFINITY_BENCH_EDGES is not set")
def test_a_sample_takes_the_same_time_in_a_larger_graph(small: Graph, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    with written(tmp_path, EDGES) as large:

        def shuffle() -> float:
            [row] = large.cypher(SHUFFLED, count=BATCH, frames=FRAMES)
            assert all(len(column) == BATCH for column in row.values())
            return BATCH

        totals = {graph.store.counts()["inter"]: graph for graph in (small, large)}
        works = {f"{total:,} edges": partial(sample, graph, random, total, BATCH) for total, graph in totals.items()}
        rates = interleaved_rates({**works, f"{max(totals):,} edges, ORDER BY rand()": shuffle}, ROUNDS)
    print_rates(f"{BATCH} edges a query", "edges/s", rates)
    print_ratios(f"{max(totals):,} edges", rates)
