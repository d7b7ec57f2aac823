from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ingest.mining.motion import GrayFrame, Moving
from ingest.mining.optical_flow import MotionJudge
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from tests.unit.ingest.clip_files import Image, disc_over, texture

WIDTH, HEIGHT, SIDE, RADIUS = 320, 240, 136, 45
SETTINGS = MiningSettings()


def judge(frames: list[Image], settings: MiningSettings = SETTINGS) -> Moving | Rejection:
    return MotionJudge(settings, WIDTH, HEIGHT, SIDE).judge(shot(frames))


def shot(frames: list[Image]) -> list[GrayFrame]:
    """Frames 0.08 s apart, as the judge sees them."""
    grays = (np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8) for frame in frames)
    return [GrayFrame(2 * index, 0.08 * index, gray) for index, gray in enumerate(grays)]


def panned(pixels: float, grain: float = 2.0) -> Image:
    """The background, seen by a camera that went right."""
    shift = np.array([[1, 0, -pixels - 20], [0, 1, -20]], np.float32)
    return np.asarray(cv2.warpAffine(texture(HEIGHT + 40, WIDTH + 80, 1, grain), shift, (WIDTH, HEIGHT)), np.uint8)


@pytest.mark.parametrize("camera", [0.0, 3.0])
def test_the_box_holds_what_moves(camera: float) -> None:
    frames = [disc_over(panned(camera * step), (190 + 4 * step, 110), RADIUS) for step in range(3)]
    moving = judge(frames)
    assert isinstance(moving, Moving)
    assert moving.x <= 190 - RADIUS + 4 and moving.x + SIDE >= 190 + RADIUS - 4
    assert moving.y <= 110 - RADIUS + 4 and moving.y + SIDE >= 110 + RADIUS - 4


def test_of_boxes_that_hold_as_much_the_middle_one_is_taken() -> None:
    moving = judge([disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in range(3)])
    assert isinstance(moving, Moving)
    assert (moving.x + SIDE / 2, moving.y + SIDE / 2) == pytest.approx((160, 120), abs=12)


def test_the_core_is_the_part_that_moves() -> None:
    moving = judge([disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in range(3)])
    assert isinstance(moving, Moving)
    x, y, width, height = moving.core
    assert (x + width / 2, y + height / 2) == pytest.approx((160, 120), abs=10)
    assert 60 < width < 110 and 60 < height < 110


@pytest.mark.parametrize("camera", [0.0, 3.0])
def test_the_camera_alone_moves_nothing(camera: float) -> None:
    assert judge([panned(camera * step) for step in range(3)]) is Rejection.LITTLE


def test_what_moves_once_and_stops_is_no_motion() -> None:
    frames = [disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in (0, 1, 1)]
    assert judge(frames) is Rejection.LITTLE


def test_a_flat_frame_has_no_corners() -> None:
    assert judge([np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 3) is Rejection.FLAT


def test_without_a_common_motion_the_camera_is_unclear() -> None:
    assert judge([texture(HEIGHT, WIDTH, seed) for seed in range(3)]) is Rejection.CAMERA


def test_each_limit_names_itself() -> None:
    frames = [disc_over(panned(0), (160 + 4 * step, 120), RADIUS) for step in range(3)]
    assert judge(frames, replace(SETTINGS, min_moving=0.3)) is Rejection.LITTLE
    assert judge(frames, replace(SETTINGS, max_moving=0.01)) is Rejection.MUCH
    assert judge(frames, replace(SETTINGS, min_density=0.9)) is Rejection.SPARSE
    settings = [reason.setting() for reason in (Rejection.LITTLE, Rejection.MUCH, Rejection.SPARSE)]
    assert settings == ["min_moving", "max_moving", "min_density"]


def test_motion_in_two_places_is_scattered_where_one_box_must_hold_it() -> None:
    frames = [
        disc_over(disc_over(panned(0), (60 + 4 * step, 120), RADIUS), (260 - 4 * step, 120), RADIUS, seed=5)
        for step in range(3)
    ]
    assert isinstance(judge(frames), Moving)
    assert judge(frames, replace(SETTINGS, min_coverage=0.8)) is Rejection.SCATTERED


@pytest.mark.parametrize("size", [(320, 48), (48, 320), (32, 32)])
def test_odd_sizes_are_judged(size: tuple[int, int]) -> None:
    width, height = size
    judged = MotionJudge(SETTINGS, width, height, min(size) * 0.57).judge(shot([texture(height, width, 3)] * 3))
    assert judged is Rejection.LITTLE or judged is Rejection.FLAT
