"""The scores of clips with several things, on tracks that are made from the truth, and the clips with no thing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.truth.decoys.canvas import Canvas
from benchmarks.truth.decoys.kinds import KINDS
from benchmarks.truth.several.groups import Group, groups
from benchmarks.truth.several.score import GroupScore, findable, score_group
from benchmarks.truth.several.table import GroupTotal
from benchmarks.truth.several.things import Seen
from ingest.model import Box, MinedPatch, MinedTrack, MinedVideo
from ingest.rejections import Funnel
from tests.unit.ingest.clip_files import Image

FRAMES = 30


@pytest.fixture(scope="module")
def scene() -> Group:
    """Two things meet in front of a still camera."""
    return groups("tuning", 1)[0]


def score(scene: Group, *boxes: tuple[int, Box, Box]) -> GroupTotal:
    """Score tracks, given by the frame, the box of the start and that of the end."""
    scored = score_tracks(scene, *boxes)
    return GroupTotal.of([scored])


def score_tracks(scene: Group, *boxes: tuple[int, Box, Box]) -> GroupScore:
    def patch(frame: int, box: Box) -> MinedPatch:
        return MinedPatch(frame, frame / 25, box, 1.0, b"")

    tracks = [
        MinedTrack(patch(first, start), patch(first + FRAMES, end), np.zeros(0, np.uint8), None, FRAMES, 0)
        for first, start, end in boxes
    ]
    video = MinedVideo("0" * 16, "file:///a.mp4", 25, *scene.size, scene.frames, 6.0, tracks, Funnel())
    return score_group(scene, Path("a.mp4"), lambda _: video)


def true_track(scene: Group, thing: int, first: int, *, right: float = 0.0) -> tuple[int, Box, Box]:
    """Return a track with the true boxes, shifted to the right by a share of the thing's side."""
    start, end = (around(scene.things(frame)[thing], right) for frame in (first, first + FRAMES))
    return first, start, end


def around(thing: Seen, right: float) -> Box:
    x, y = thing.center
    side = thing.side * 1.2
    return Box(round(x - side / 2 + right * thing.side), round(y - side / 2), round(side))


def test_the_true_boxes_have_the_best_scores(scene: Group) -> None:
    assert findable(scene) == {0, 1}
    total = score(scene, *(true_track(scene, thing, 0) for thing in (0, 1)))
    assert (total.found, total.centered, total.crowded, total.repeated, total.false) == (1, 1, 0, 0, 0)


def test_a_thing_that_no_track_shows_is_not_found(scene: Group) -> None:
    assert score(scene, true_track(scene, 1, 0)).found == 0.5


def test_a_box_beside_its_thing_is_not_centered(scene: Group) -> None:
    assert score(scene, true_track(scene, 0, 0, right=0.1)).centered == 1
    assert score(scene, true_track(scene, 0, 0, right=0.2)).centered == 0


def test_a_box_with_two_things_is_crowded(scene: Group) -> None:
    small = min((0, 1), key=lambda thing: scene.things(0)[thing].side)
    first, start, end = true_track(scene, small, 0)
    assert score(scene, (first, start, end)).crowded == 0
    assert score(scene, (first, start, Box(0, 0, scene.size[0]))).crowded == 1


def test_a_box_with_no_thing_is_a_false_track(scene: Group) -> None:
    corner = Box(0, 0, 40)
    assert score(scene, (0, corner, corner)).false == 1


def test_a_track_that_changes_over_to_another_thing_does_not_find_its_own(scene: Group) -> None:
    (first, start, _), (_, _, other) = (true_track(scene, thing, 0) for thing in (0, 1))
    total = score(scene, (first, start, other))
    assert (total.found, total.lost_thing) == (0, 1)


def test_two_starts_of_one_thing_within_a_second_are_repeated(scene: Group) -> None:
    assert score(scene, true_track(scene, 0, 0), true_track(scene, 0, 20)).repeated == 0.5
    assert score(scene, true_track(scene, 0, 0), true_track(scene, 0, 26)).repeated == 0
    assert score(scene, true_track(scene, 0, 0), true_track(scene, 1, 20)).repeated == 0


def test_a_seed_always_gives_the_same_clip(scene: Group) -> None:
    again = groups("tuning", 2)[0]
    assert [np.array_equal(a, b) for a, b in zip(first(scene), first(again), strict=True)] == [True] * 3
    other = groups("test", 1)[0]
    assert scene.background != other.background


def first(scene: Group) -> Iterator[Image]:
    return islice(scene.images(), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_something_moves_in_each_clip_with_no_thing(kind: str) -> None:
    canvas = Canvas((320, 240), np.random.default_rng(1), "tuning")
    images = [image.astype(int) for image in islice(KINDS[kind](canvas), 26)]
    assert np.abs(images[25] - images[0]).max() > 30
