"""Tracking by KCF: where a region goes, and why it is lost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ingest.errors import IngestError
from ingest.model import Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.tracking.kcf import require_tracker, track_region
from tests.unit.ingest.clip_files import Image, disc_over, texture

SETTINGS = MiningSettings()
RADIUS = 30
BACKGROUND = texture(180, 320, 7)


def frames(centers: list[tuple[float, float]]) -> list[Image]:
    return [disc_over(BACKGROUND, center, RADIUS) for center in centers]


def around(x: int, y: int) -> Region:
    return Region(x - RADIUS - 4, y - RADIUS - 4, 2 * RADIUS + 8, 2 * RADIUS + 8)


def test_a_region_moves_with_its_content() -> None:
    path = [(80.0 + 4 * step, 60.0 + step) for step in range(31)]
    found = track_region(frames(path), around(80, 60), SETTINGS)
    assert isinstance(found, Region)
    assert found.overlap(around(200, 90)) > 0.85
    assert (found.width, found.height) == (68, 68)


def test_the_first_step_is_tracked() -> None:
    found = track_region(frames([(80, 60), (86, 60)]), around(80, 60), SETTINGS)
    assert isinstance(found, Region)
    assert found.x == pytest.approx(around(86, 60).x, abs=2)


def test_a_region_may_reach_a_little_beyond_the_frame() -> None:
    found = track_region(frames([(60.0 - step, 90.0) for step in range(31)]), around(60, 90), SETTINGS)
    assert isinstance(found, Region)
    assert found.x == pytest.approx(-4, abs=3) and found.width == 68


def test_a_disc_that_leaves_the_frame_is_lost() -> None:
    assert (
        track_region(frames([(60.0 - 3 * step, 90.0) for step in range(31)]), around(60, 90), SETTINGS)
        is Rejection.LEFT_FRAME
    )


def test_a_disc_that_disappears_is_lost() -> None:
    clip = [*frames([(100, 90)] * 3), *[texture(180, 320, seed) for seed in range(20, 28)]]
    assert track_region(clip, around(100, 90), SETTINGS) is Rejection.TRACKER_LOST


def test_a_tracker_that_drifted_is_detected() -> None:
    """The disc jumps out of reach. The background behind it stays in view, and does not lead back to the start."""
    path = [(80.0 + 5 * step, 90.0) for step in range(10)] + [(280.0, 90.0)] * 21
    found = track_region(frames(path), around(80, 90), SETTINGS)
    assert found in (Rejection.TRACKER_LOST, Rejection.DRIFTED)


def test_a_tracker_that_stays_on_the_background_is_detected() -> None:
    """A disc passes behind a fence. The fence fills more of the region, and leads back to the start."""
    fence = texture(180, 320, 11, grain=4)
    bars = (np.arange(320) // 10 % 2 == 0)[:, None]
    clip = [np.where(bars, fence, disc_over(BACKGROUND, (80 + 3 * step, 90), RADIUS)) for step in range(31)]
    assert isinstance(track_region(clip, around(80, 90), SETTINGS), Region)
    assert track_region(clip, around(80, 90), SETTINGS, min_distance=8) is Rejection.BACKGROUND


def test_a_disc_that_returns_has_moved() -> None:
    way = [(80.0 + 4 * step, 90.0) for step in range(16)]
    found = track_region(frames(way + way[-2::-1]), around(80, 90), SETTINGS, min_distance=40)
    assert isinstance(found, Region)
    assert found.overlap(around(80, 90)) > 0.8


def test_overlap_is_intersection_over_union() -> None:
    assert Region(0, 0, 10, 10).overlap(Region(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert Region(0, 0, 10, 10).overlap(Region(20, 20, 5, 5)) == 0


def test_an_opencv_without_kcf_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "TrackerKCF")
    with pytest.raises(IngestError, match="install opencv-contrib-python-headless"):
        require_tracker()
