from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from graphdb.model import video_of
from ingest.errors import BadLabels
from ingest.quality.label_agreement import EdgeQuality, Label, Share, edge_quality, labels_of, read_labels

# Video a and b show one chair, c another of the same model, d a third model; e and f are cars. g has no label.
LABELS = {
    "a": Label("chair", "chair-1", "chair-x"),
    "b": Label("chair", "chair-1", "chair-x"),
    "c": Label("chair", "chair-2", "chair-x"),
    "d": Label("chair", "chair-3", "chair-y"),
    "e": Label("car", "car-1", "car-x"),
    "f": Label("car", "car-2", "car-y"),
}
STARTS = ["a-0", "a-1", "b-0", "c-0", "d-0", "e-0", "f-0", "g-0"]


def judge(*edges: str) -> EdgeQuality:
    return edge_quality([(a, b) for a, b in (edge.split() for edge in edges)], STARTS, LABELS)


def test_shares_are_of_labeled_edges() -> None:
    quality = judge("a-0 b-0", "a-0 c-0", "a-1 d-0", "d-0 e-0", "a-0 g-0")
    assert (quality.edges, quality.labeled) == (5, 4)
    assert quality.same_class.share == 3 / 4
    assert quality.same_instance.share == 1 / 4
    assert quality.same_lookalike.share == 2 / 4


def test_lookalikes_are_left_out_of_the_headline() -> None:
    quality = judge("a-0 b-0", "a-0 c-0", "a-1 d-0", "d-0 e-0")
    assert quality.same_class_apart.share == 1 / 2
    assert quality.same_class_apart.edges == 2


def test_chance_is_over_all_pairs_of_labeled_starts_of_different_videos() -> None:
    quality = judge("a-0 b-0")
    starts = [start for start in STARTS if video_of(start) in LABELS]
    pairs = [(video_of(a), video_of(b)) for a, b in combinations(starts, 2) if video_of(a) != video_of(b)]
    labels = [(LABELS[a], LABELS[b]) for a, b in pairs]
    apart = [(a, b) for a, b in labels if a.lookalike != b.lookalike]
    assert quality.same_class.chance == pytest.approx(np.mean([a.kind == b.kind for a, b in labels]))
    assert quality.same_instance.chance == pytest.approx(np.mean([a.instance == b.instance for a, b in labels]))
    assert quality.same_lookalike.chance == pytest.approx(np.mean([a.lookalike == b.lookalike for a, b in labels]))
    assert quality.same_class_apart.chance == pytest.approx(np.mean([a.kind == b.kind for a, b in apart]))


def test_edges_inside_a_video_say_nothing_of_purity() -> None:
    assert judge("a-0 a-1", "a-0 e-0").same_class.share == 0


def test_without_labels_nothing_is_claimed() -> None:
    quality = edge_quality([("a-0", "b-0")], STARTS, {})
    assert quality.same_class == Share(None, None, 0)
    assert quality.same_class.ratio is None


def test_the_ratio_is_times_chance() -> None:
    assert Share(0.6, 0.1, 9).ratio == pytest.approx(6)
    assert Share(0.6, 0.0, 9).ratio is None


def test_labels_are_read_by_video_file_name(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("video,class,instance,lookalike,license\nchair-0.mp4,chair,chair-1,chair-x,CC0\n")
    assert read_labels(path) == {"chair-0.mp4": Label("chair", "chair-1", "chair-x")}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column video"),
        ("video,class,instance\na.mp4,chair,chair-1\n", "no column lookalike"),
        ("video,class,instance,lookalike\na.mp4,chair\n", "line 2 has no instance and no lookalike"),
        ("video,class,instance,lookalike\na,b,c,d\na,b,c,d\n", "line 3 names a again"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(BadLabels, match=reason):
        read_labels(path)


CHAIR, CAR = LABELS["a"], LABELS["e"]


def test_a_name_in_two_folders_is_told_apart_by_as_much_of_the_path_as_the_labels_give(tmp_path: Path) -> None:
    files = {"v": Path("/videos/chairs/1.mp4"), "w": Path("/videos/cars/1.mp4"), "x": Path("/videos/cars/2.mp4")}
    named = {"chairs/1.mp4": CHAIR, "cars/1.mp4": CAR, "2.mp4": CAR}
    assert labels_of(named, files, tmp_path / "labels.csv") == {"v": CHAIR, "w": CAR, "x": CAR}


def test_a_bare_name_means_the_video_below_the_labels(tmp_path: Path) -> None:
    files = {"v": Path("/elsewhere/1.mp4"), "w": tmp_path / "videos" / "1.mp4"}
    assert labels_of({"1.mp4": CHAIR}, files, tmp_path / "labels.csv") == {"w": CHAIR}
    with pytest.raises(BadLabels, match="write it with its folder"):
        labels_of({"1.mp4": CHAIR}, files, Path("/labels/labels.csv"))


def test_a_name_inside_another_is_not_that_name(tmp_path: Path) -> None:
    assert labels_of({"1.mp4": CHAIR}, {"v": Path("/videos/11.mp4")}, tmp_path) == {}


def test_missing_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="columns video"):
        read_labels(tmp_path / "labels.csv")
