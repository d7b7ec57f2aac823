"""What copies cost a graph: the samples, a fifth of them uploaded a second time, and the edges that join a video to
its own copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphdb.model import video_of
from tests.conftest import SAMPLES, Graph
from tests.copies import draw, upload

SEED = 2
"""Of the copies that are reported; `copy_similarity` was set on those of seed 1."""
BAR = 0.01
"""Share of INTER edges that may join copies."""


def test_edges_between_copies(graph: Graph, tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    videos = sorted((SAMPLES / "videos").glob("*.mp4"))
    for original in rng.choice(np.array(videos), len(videos) // 5, replace=False):
        upload(original, tmp_path / original.name, draw(rng))
    files = [str(SAMPLES / "videos"), *map(str, sorted(tmp_path.glob("*.mp4")))]
    untold = graph.json("ingest", *files, "--copy-similarity", "1")
    told = graph.json("cluster")
    print(f"\nThe samples and {len(files) - 1} copies of them (seed {SEED})")
    shares = [share_of_copies(graph, summary["snapshot"]["id"]) for summary in (untold, told)]
    links = graph.cypher("MATCH (a:Video)-[:COPY]->(b:Video) RETURN DISTINCT a.uri AS a, b.uri AS b")
    right = sum(Path(link["a"]).name == Path(link["b"]).name for link in links)
    print(f"  COPY joins {len(links)} pairs of videos, {right} of them copies")
    assert shares[1] < BAR < shares[0]


def share_of_copies(graph: Graph, snapshot: str) -> float:
    starts = graph.store.snapshot_starts(snapshot)
    name = {video: Path(uri).name for video, (uri, _) in starts.items()}
    edges = [(name[video_of(a)], name[video_of(b)]) for a, b in graph.store.snapshot_inter(snapshot)]
    copies = sum(a == b for a, b in edges)
    print(f"  {snapshot}: {copies} of {len(edges)} INTER edges join copies, {copies / len(edges):.2%}")
    return copies / len(edges)
