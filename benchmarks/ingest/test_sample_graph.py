"""The graph of the samples by the way in which tracks are found: purity and number of edges, over seeds of k-means.

Uses `AFFINITY_BENCH_SEEDS` seeds (default 5).
"""

from __future__ import annotations

import os
from statistics import mean

from tests.conftest import SAMPLES, Graph

SEEDS = int(os.environ.get("AFFINITY_BENCH_SEEDS") or 5)
MOTIONS = ("flow", "things")


def measure(graph: Graph, motion: str) -> tuple[list[float], list[int]]:
    """Mine the samples; return for each seed the share of edges within one class, and the number of edges."""
    graph.run("ingest", str(SAMPLES / "videos"), "--motion", motion, "--remine", "--no-link")
    shares, edges = [], []
    for seed in range(SEEDS):
        snapshot = graph.json("cluster", "--refit", "--seed", str(seed))["snapshot"]["id"]
        found = graph.json("graph", "quality", "--labels", str(SAMPLES / "labels.csv"), "--snapshot", snapshot)
        shares.append(float(found["same_class"]["share"]))
        edges.append(int(found["edges"]))
    tracks = sum(len(ids) for _, ids in graph.store.snapshot_starts(snapshot).values())
    ends = f"{min(shares):.3f} to {max(shares):.3f}"
    print(f"| {motion} | {tracks} | {mean(shares):.3f} ({ends}) | {mean(edges):.0f} |", flush=True)
    return shares, edges


def test_things_give_a_graph_of_the_samples_as_good_as_flow(graph: Graph) -> None:
    print(f"\n{SEEDS} seeds\n| motion | tracks | one class (least to most) | edges |\n|---|--:|--:|--:|")
    (shares, edges), (things_shares, things_edges) = (measure(graph, motion) for motion in MOTIONS)
    assert mean(things_shares) >= mean(shares) and mean(things_edges) >= mean(edges)
