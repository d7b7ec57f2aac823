"""Edges between a video and its own copy: the samples, and copies of a fifth of them as after a second upload."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphdb.model import video_of
from tests.conftest import SAMPLES, Graph
from tests.copies import draw, upload

SEED = 2
"""Seed of the copies; `copy_similarity` was tuned on those of seed 1."""
MAX_SHARE = 0.01
"""Largest share of INTER edges that may join copies."""


def test_few_edges_join_copies(graph: Graph, tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    videos = sorted((SAMPLES / "videos").glob("*.mp4"))
    for original in rng.choice(np.array(videos), len(videos) // 5, replace=False):
        upload(original, tmp_path / original.name, draw(rng))
    files = [str(SAMPLES / "videos"), *map(str, sorted(tmp_path.glob("*.mp4")))]
    unlimited = graph.json("ingest", *files, "--set", "copy_similarity=1")
    limited = graph.json("cluster")
    print(f"\nThe samples and {len(files) - 1} copies of them (seed {SEED})")
    shares = [share_of_copies(graph, summary["snapshot"]["id"]) for summary in (unlimited, limited)]
    links = graph.cypher("MATCH (a:Video)-[:COPY]->(b:Video) RETURN DISTINCT a.uri AS a, b.uri AS b")
    correct = sum(Path(link["a"]).name == Path(link["b"]).name for link in links)
    print(f"  COPY joins {len(links)} pairs of videos, {correct} of them copies")
    assert shares[1] < MAX_SHARE < shares[0]


def share_of_copies(graph: Graph, snapshot: str) -> float:
    starts = graph.store.snapshot_starts(snapshot)
    name = {video: Path(uri).name for video, (uri, _) in starts.items()}
    edges = [(name[video_of(a)], name[video_of(b)]) for a, b in graph.store.snapshot_inter(snapshot)]
    copies = sum(a == b for a, b in edges)
    print(f"  {snapshot}: {copies} of {len(edges)} INTER edges join copies, {copies / len(edges):.2%}")
    return copies / len(edges)
