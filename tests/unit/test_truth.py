"""Mining and tracking beside the truth, on a few of the seeds that nothing was tuned on.

The bars of docs/benchmarks.md are for many clips; of a few, one that fails weighs more, so these are lower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import pytest

from ingest.funnel import Reason
from ingest.mining import MinedVideo, mine_video
from ingest.settings import MiningSettings
from tests.truth.photos import PHOTOS
from tests.truth.scenes import Camera, Condition, Scene
from tests.truth.score import Points, Scored, score, score_points
from tests.truth.sets import with_objects, without
from tests.truth.table import Total, fast, slow
from tests.unit.clip_files import Image, write

CLIPS, EMPTY = 28, 4
SETTINGS = MiningSettings()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Scene, Path]]:
    folder = tmp_path_factory.mktemp("truth")
    return [(scene, scene.write(folder / f"{at}.mp4")) for at, scene in enumerate(with_objects("test", CLIPS))]


@pytest.fixture(scope="module")
def scored(clips: list[tuple[Scene, Path]]) -> list[Scored]:
    return [score(scene, path, SETTINGS) for scene, path in clips]


@pytest.mark.slow
def test_boxes_cover_what_moves(scored: list[Scored]) -> None:
    total = Total.of(fast(scored))
    assert total.found is not None and total.found >= 0.6
    assert total.covered is not None and total.covered >= 0.85


@pytest.mark.slow
def test_ends_hold_what_the_starts_held(scored: list[Scored]) -> None:
    total = Total.of(scored)
    assert total.held is not None and total.held >= 0.85


@pytest.mark.slow
def test_slow_things_are_found(scored: list[Scored]) -> None:
    total = Total.of(slow(scored))
    assert total.found is not None and total.found >= 0.4


def test_where_nothing_moves_nothing_is_found(tmp_path: Path) -> None:
    total = Total.of([score(scene, scene.write(tmp_path / "clip.mp4"), SETTINGS) for scene in without("test", EMPTY)])
    assert total.minutes == pytest.approx(0.4) and total.tracks == 0


@pytest.mark.slow
def test_points_that_move_lie_on_objects_and_little_around_them(clips: list[tuple[Scene, Path]]) -> None:
    points = sum((score_points(scene, path, SETTINGS) for scene, path in clips[:12]), Points())
    assert points.right / points.moving > 0.4 and points.right / points.on_objects > 0.3


def test_no_photograph_is_met_in_tuning_and_in_the_test() -> None:
    assert not set(PHOTOS["tuning"]) & set(PHOTOS["test"])


def test_a_scene_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    once, again = (Scene(Condition(frames=6, objects=2), 3, "tuning") for _ in range(2))
    assert once.write(tmp_path / "a.mp4").read_bytes() == again.write(tmp_path / "b.mp4").read_bytes()
    assert [shown.box for shown in once.objects(2)] == [shown.box for shown in again.objects(2)]


def mined(path: Path, images: Iterator[Image]) -> MinedVideo:
    return mine_video(write(path, images), SETTINGS)


def test_tracks_that_a_cut_would_cross_are_dropped_and_counted(tmp_path: Path) -> None:
    shots = [Scene(Condition("pan"), seed, "test") for seed in (1, 2)]
    video = mined(tmp_path / "cut.mp4", chain.from_iterable(islice(shot.images(), 28) for shot in shots))
    assert not video.tracks and video.funnel.rejected[Reason.CUT] == 6


def test_tracks_that_leave_the_frame_are_dropped_and_counted(tmp_path: Path) -> None:
    leaving = islice(Scene(Condition(speed=10, frames=90), 1, "test").images(), 45, 81)
    video = mined(tmp_path / "left.mp4", leaving)
    assert not video.tracks and video.lost[Reason.LEFT]


@pytest.mark.parametrize("camera", ["still", "pan", "zoom"])
def test_tracks_that_hold_on_to_a_fence_are_dropped_and_counted(tmp_path: Path, camera: Camera) -> None:
    scene = Scene(Condition(camera, speed=4, size=140, fence=True), 1, "test")
    scored = score(scene, scene.write(tmp_path / "fence.mp4"), SETTINGS)
    assert scored.lost[Reason.HELD] and all(mark.overlap >= 0.5 for mark in scored.marks)


def test_tracks_that_end_on_what_stands_still_are_dropped_and_counted(tmp_path: Path) -> None:
    video = mined(tmp_path / "stops.mp4", Scene(Condition(speed=6, stops=18, frames=50), 1, "test").images())
    assert not video.tracks and video.lost[Reason.STOPPED]


def test_the_papers_recipe_finds_what_fills_a_good_part_of_the_frame(tmp_path: Path) -> None:
    scene = Scene(Condition("pan", speed=4, size=200), 3, "test")
    path = scene.write(tmp_path / "large.mp4")
    marks = score(scene, path, replace(SETTINGS, motion="trajectories")).marks
    assert marks and all(mark.covered >= 0.8 for mark in marks)
