"""The graph of long films that are cut together from the samples (benchmarks/films.py).

Each start counts for the clip that its frame comes from, and edges are judged as if the clips were videos.
Uses `AFFINITY_BENCH_FILMS` films (default 4) of all samples.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from benchmarks.films import Film, films, labels
from graphdb.model import frame_number, video_of
from ingest.quality.label_agreement import LabelAgreement, edge_agreement
from ingest.video.discovery import video_id
from tests.conftest import Graph

FILMS = int(os.environ.get("AFFINITY_BENCH_FILMS") or 4)
MIN_RATIO = 5.0
"""How many times as often as by chance an edge must join one class."""
SAME_VIDEO = ("representative", "shot", "allow")


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> list[Film]:
    return films(tmp_path_factory.mktemp("films"), FILMS)


def agreement(graph: Graph, snapshot: str, cut: Sequence[Film]) -> LabelAgreement:
    """Judge edges by the clips that their starts come from."""
    by_video = {video_id(film.path): film for film in cut}
    by_clip = {name.replace("-", "_"): label for name, label in labels().items()}

    def of_clip(start: str) -> str:
        clip = by_video[video_of(start)].clip(frame_number(start))
        return f"{clip.replace('-', '_')}-{start}"

    starts = [of_clip(start) for _, ids in graph.store.snapshot_starts(snapshot).values() for start in ids]
    edges = [(of_clip(a), of_clip(b)) for a, b in graph.store.snapshot_inter(snapshot)]
    return edge_agreement(edges, starts, by_clip)


@pytest.mark.parametrize("count", [1, FILMS])
@pytest.mark.parametrize("motion", ["flow", "things"])
def test_films_give_a_linked_graph_of_single_classes(graph: Graph, cut: list[Film], motion: str, count: int) -> None:
    graph.run("ingest", *(str(film.path) for film in cut[:count]), "--motion", motion, "--no-link")
    print(f"\nMotion by {motion}; {count} of {FILMS} films, {sum(len(film.clips) for film in cut[:count])} shots")
    print("| same video | tracks | edges | in one shot | one class | by chance | ratio | one instance |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    found: dict[str, LabelAgreement] = {}
    for same_video in SAME_VIDEO:
        snapshot = graph.json("cluster", "--same-video", same_video)["snapshot"]["id"]
        found[same_video] = agreement(graph, snapshot, cut)
        print(f"| {same_video} | {row(graph, snapshot, found[same_video])} |", flush=True)
    best = found["shot"]
    assert motion == "flow" or (best.edges > 0 and (best.same_class.ratio or 0) >= MIN_RATIO)


def row(graph: Graph, snapshot: str, judged: LabelAgreement) -> str:
    """Format the columns of the table after the first."""
    tracks = sum(len(ids) for _, ids in graph.store.snapshot_starts(snapshot).values())
    inside = judged.labeled - judged.same_class.edges
    kind = judged.same_class
    shares = (kind.share, kind.chance, kind.ratio, judged.same_instance.share)
    texts = ("-" if share is None else f"{share:.3f}" for share in shares)
    return f"{tracks} | {judged.edges} | {inside} | {' | '.join(texts)}"
