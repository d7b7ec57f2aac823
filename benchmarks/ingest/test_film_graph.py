"""The graph of long films that are cut together from the samples: each clip is a shot, an instance has several.

Without labels of shots, a film has only one label. So each start is given the clip that its frame comes from, and edges
are judged as if the clips were videos. Uses `AFFINITY_BENCH_FILMS` films (default 4) of all samples.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import av
import pytest

from graphdb.model import frame_number, video_of
from ingest.quality.label_agreement import LabelAgreement, edge_agreement, read_labels
from ingest.video.discovery import video_id
from tests.conftest import SAMPLES, Graph
from tests.films import cut_together

FILMS = int(os.environ.get("AFFINITY_BENCH_FILMS") or 4)
SIZE = (320, 180)
MIN_RATIO = 5.0
"""How many times as often as by chance an edge must join one class."""
SAME_VIDEO = ("representative", "shot", "allow")


@dataclass(frozen=True)
class Film:
    """A film and its shots."""

    path: Path
    clips: list[str]
    """Name of the clip of each shot."""
    begins: list[int]
    """Number of the first frame of each shot."""

    def clip(self, frame: int) -> str:
        return self.clips[bisect_right(self.begins, frame) - 1]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Film]:
    folder = tmp_path_factory.mktemp("films")
    instances: dict[str, list[Path]] = {}
    for clip in sorted((SAMPLES / "videos").glob("*-?.mp4")):
        instances.setdefault(clip.stem.rpartition("-")[0], []).append(clip)
    chosen = [list(instances.values())[number::FILMS] for number in range(FILMS)]
    return [make(group, folder / f"film-{number}.mp4") for number, group in enumerate(chosen)]


def make(instances: Sequence[Sequence[Path]], path: Path) -> Film:
    """Cut a film: first one clip of each instance, then the second of each, and so on."""
    clips = [clip for one_round in zip(*instances, strict=True) for clip in one_round]
    frames = []
    for clip in clips:
        with av.open(str(clip)) as container:
            frames.append(container.streams.video[0].frames)
    return Film(cut_together(clips, path, SIZE), [clip.name for clip in clips], [0, *accumulate(frames)][:-1])


def agreement(graph: Graph, snapshot: str, films: Sequence[Film]) -> LabelAgreement:
    """Judge edges by the clips that their starts come from."""
    by_video = {video_id(film.path): film for film in films}
    labels = {name.replace("-", "_"): label for name, label in read_labels(SAMPLES / "labels.csv").items()}

    def of_clip(start: str) -> str:
        clip = by_video[video_of(start)].clip(frame_number(start))
        return f"{clip.replace('-', '_')}-{start}"

    starts = [of_clip(start) for _, ids in graph.store.snapshot_starts(snapshot).values() for start in ids]
    edges = [(of_clip(a), of_clip(b)) for a, b in graph.store.snapshot_inter(snapshot)]
    return edge_agreement(edges, starts, labels)


@pytest.mark.parametrize("count", [1, FILMS])
@pytest.mark.parametrize("motion", ["flow", "things"])
def test_films_give_a_linked_graph_of_single_classes(graph: Graph, films: list[Film], motion: str, count: int) -> None:
    graph.run("ingest", *(str(film.path) for film in films[:count]), "--motion", motion, "--no-link")
    print(f"\nMotion by {motion}; {count} of {FILMS} films, {sum(len(film.clips) for film in films[:count])} shots")
    print("| same video | tracks | edges | in one shot | one class | by chance | ratio | one instance |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    found: dict[str, LabelAgreement] = {}
    for same_video in SAME_VIDEO:
        snapshot = graph.json("cluster", "--same-video", same_video)["snapshot"]["id"]
        found[same_video] = agreement(graph, snapshot, films)
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
