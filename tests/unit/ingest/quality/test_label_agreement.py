from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from graphdb.model import video_of
from ingest.errors import IngestError
from ingest.quality.label_agreement import Label, LabelAgreement, Share, edge_agreement, labels_of, read_labels

# Videos a and b show one chair, c another of its model, d one of another model; e and f show cars; g has no label.
LABELS = {
    "a": Label("chair", "chair-1", "chair-x"),
    "b": Label("chair", "chair-1", "chair-x"),
    "c": Label("chair", "chair-2", "chair-x"),
    "d": Label("chair", "chair-3", "chair-y"),
    "e": Label("car", "car-1", "car-x"),
    "f": Label("car", "car-2", "car-y"),
}
STARTS = ["a-0", "a-1", "b-0", "c-0", "d-0", "e-0", "f-0", "g-0"]


def agreement_of(*edges: str) -> LabelAgreement:
    return edge_agreement([(a, b) for a, b in (edge.split() for edge in edges)], STARTS, LABELS)


def test_shares_count_labeled_edges_only() -> None:
    agreement = agreement_of("a-0 b-0", "a-0 c-0", "a-1 d-0", "d-0 e-0", "a-0 g-0")
    assert (agreement.edges, agreement.labeled) == (5, 4)
    assert agreement.same_class.share == 3 / 4
    assert agreement.same_instance.share == 1 / 4
    assert agreement.same_lookalike.share == 2 / 4


def test_pairs_of_one_look_alike_group_are_left_out_of_same_class_apart() -> None:
    agreement = agreement_of("a-0 b-0", "a-0 c-0", "a-1 d-0", "d-0 e-0")
    assert agreement.same_class_apart.share == 1 / 2
    assert agreement.same_class_apart.edges == 2


def test_chance_is_over_all_pairs_of_labeled_starts_of_different_videos() -> None:
    agreement = agreement_of("a-0 b-0")
    starts = [start for start in STARTS if video_of(start) in LABELS]
    pairs = [(video_of(a), video_of(b)) for a, b in combinations(starts, 2) if video_of(a) != video_of(b)]
    labels = [(LABELS[a], LABELS[b]) for a, b in pairs]
    apart = [(a, b) for a, b in labels if a.lookalike != b.lookalike]
    assert agreement.same_class.chance == pytest.approx(np.mean([a.category == b.category for a, b in labels]))
    assert agreement.same_instance.chance == pytest.approx(np.mean([a.instance == b.instance for a, b in labels]))
    assert agreement.same_lookalike.chance == pytest.approx(np.mean([a.lookalike == b.lookalike for a, b in labels]))
    assert agreement.same_class_apart.chance == pytest.approx(np.mean([a.category == b.category for a, b in apart]))


def test_edges_within_a_video_do_not_count() -> None:
    assert agreement_of("a-0 a-1", "a-0 e-0").same_class.share == 0


def test_without_labels_all_shares_are_unknown() -> None:
    agreement = edge_agreement([("a-0", "b-0")], STARTS, {})
    assert agreement.same_class == Share(None, None, 0)
    assert agreement.same_class.ratio is None


def test_the_ratio_is_share_over_chance() -> None:
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
def test_an_invalid_file_of_labels_is_an_error(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(IngestError, match=reason):
        read_labels(path)


CHAIR, CAR = LABELS["a"], LABELS["e"]


def test_labels_may_name_a_video_with_its_folder(tmp_path: Path) -> None:
    files = {"v": Path("/videos/chairs/1.mp4"), "w": Path("/videos/cars/1.mp4"), "x": Path("/videos/cars/2.mp4")}
    named = {"chairs/1.mp4": CHAIR, "cars/1.mp4": CAR, "2.mp4": CAR}
    assert labels_of(named, files, tmp_path / "labels.csv") == {"v": CHAIR, "w": CAR, "x": CAR}


def test_an_ambiguous_name_means_the_video_below_the_folder_of_the_labels(tmp_path: Path) -> None:
    files = {"v": Path("/elsewhere/1.mp4"), "w": tmp_path / "videos" / "1.mp4"}
    assert labels_of({"1.mp4": CHAIR}, files, tmp_path / "labels.csv") == {"w": CHAIR}
    with pytest.raises(IngestError, match="write it with its folder"):
        labels_of({"1.mp4": CHAIR}, files, Path("/labels/labels.csv"))


def test_part_of_a_file_name_does_not_match(tmp_path: Path) -> None:
    assert labels_of({"1.mp4": CHAIR}, {"v": Path("/videos/11.mp4")}, tmp_path) == {}


def test_a_missing_file_of_labels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="columns video"):
        read_labels(tmp_path / "labels.csv")
