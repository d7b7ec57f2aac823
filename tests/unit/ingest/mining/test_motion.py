"""Motion by dense flow: the moving box, and the reasons why there is none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ingest.mining.motion import GrayFrame, MovingBox
from ingest.mining.optical_flow import FlowDetector
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from tests.unit.ingest.clip_files import Image, disc_over, texture

WIDTH, HEIGHT, SIDE, RADIUS = 320, 240, 136, 45
SETTINGS = MiningSettings()


def detect(frames: list[Image], settings: MiningSettings = SETTINGS) -> MovingBox | Rejection:
    return FlowDetector(settings, WIDTH, HEIGHT, SIDE).detect(shot(frames))


def shot(frames: list[Image]) -> list[GrayFrame]:
    """Frames 0.08 s apart, small and gray."""
    grays = (np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8) for frame in frames)
    return [GrayFrame(2 * index, 0.08 * index, gray) for index, gray in enumerate(grays)]


def panned(pixels: float, grain: float = 2.0) -> Image:
    """The background, seen by a camera that moved right by some pixels."""
    shift = np.array([[1, 0, -pixels - 20], [0, 1, -20]], np.float32)
    return np.asarray(cv2.warpAffine(texture(HEIGHT + 40, WIDTH + 80, 1, grain), shift, (WIDTH, HEIGHT)), np.uint8)


@pytest.mark.parametrize("camera", [0.0, 3.0])
def test_the_box_contains_the_moving_disc(camera: float) -> None:
    frames = [disc_over(panned(camera * step), (190 + 4 * step, 110), RADIUS) for step in range(3)]
    moving = detect(frames)
    assert isinstance(moving, MovingBox)
    assert moving.x <= 190 - RADIUS + 4 and moving.x + SIDE >= 190 + RADIUS - 4
    assert moving.y <= 110 - RADIUS + 4 and moving.y + SIDE >= 110 + RADIUS - 4


def test_the_middle_one_of_equally_good_boxes_is_chosen() -> None:
    moving = detect([disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in range(3)])
    assert isinstance(moving, MovingBox)
    assert (moving.x + SIDE / 2, moving.y + SIDE / 2) == pytest.approx((160, 120), abs=12)


def test_the_core_is_the_moving_part() -> None:
    moving = detect([disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in range(3)])
    assert isinstance(moving, MovingBox)
    x, y, width, height = moving.core
    assert (x + width / 2, y + height / 2) == pytest.approx((160, 120), abs=10)
    assert 60 < width < 110 and 60 < height < 110


@pytest.mark.parametrize("camera", [0.0, 3.0])
def test_camera_motion_alone_is_no_motion(camera: float) -> None:
    assert detect([panned(camera * step) for step in range(3)]) is Rejection.LITTLE_MOTION


def test_a_disc_that_stops_at_once_is_no_motion() -> None:
    frames = [disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in (0, 1, 1)]
    assert detect(frames) is Rejection.LITTLE_MOTION


def test_a_uniform_frame_has_too_few_corners() -> None:
    assert detect([np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 3) is Rejection.FEW_CORNERS


def test_unrelated_frames_make_the_camera_motion_unclear() -> None:
    assert detect([texture(HEIGHT, WIDTH, seed) for seed in range(3)]) is Rejection.CAMERA_UNCLEAR


def test_each_limit_gives_its_own_rejection() -> None:
    frames = [disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in range(3)]
    assert detect(frames, replace(SETTINGS, min_moving=0.3)) is Rejection.LITTLE_MOTION
    assert detect(frames, replace(SETTINGS, max_moving=0.01)) is Rejection.MUCH_MOTION
    assert detect(frames, replace(SETTINGS, min_density=0.9)) is Rejection.SPARSE_MOTION
    settings = [
        rejection.setting() for rejection in (Rejection.LITTLE_MOTION, Rejection.MUCH_MOTION, Rejection.SPARSE_MOTION)
    ]
    assert settings == ["min_moving", "max_moving", "min_density"]


def test_motion_in_two_places_is_scattered_if_one_box_must_contain_it() -> None:
    frames = [
        disc_over(disc_over(panned(0), (60 + 4 * step, 120), RADIUS), (260 - 4 * step, 120), RADIUS, seed=5)
        for step in range(3)
    ]
    assert isinstance(detect(frames), MovingBox)
    assert detect(frames, replace(SETTINGS, min_share=0.8)) is Rejection.SCATTERED_MOTION


@pytest.mark.parametrize("size", [(320, 48), (48, 320), (32, 32)])
def test_frames_of_unusual_sizes_are_accepted(size: tuple[int, int]) -> None:
    width, height = size
    found = FlowDetector(SETTINGS, width, height, min(size) * 0.57).detect(shot([texture(height, width, 3)] * 3))
    assert found is Rejection.LITTLE_MOTION or found is Rejection.FEW_CORNERS
