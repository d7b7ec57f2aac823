"""Hard cuts are found, and fast cameras and changes of exposure are not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from ingest.settings import MiningSettings
from ingest.video.reader import VideoReader
from ingest.video.shot_boundaries import ShotBoundaryDetector
from tests.unit.ingest.clip_files import texture

CUTS_OF_BIKES = [30, 76, 137, 187, 242]


def boundaries(frames: Iterable[np.typing.NDArray[np.uint8]]) -> list[int]:
    detector = ShotBoundaryDetector(MiningSettings())
    return [index for index, frame in enumerate(frames) if detector.is_boundary(frame)]


def scene(seed: int, right: int = 0) -> np.typing.NDArray[np.uint8]:
    return texture(180, 640, seed, 12.0)[:, right : right + 320, 0]


def test_exactly_the_cuts_of_a_real_video_are_found(bikes: Path) -> None:
    assert boundaries(frame.scaled(320, 136, "gray") for frame in VideoReader(bikes).frames()) == CUTS_OF_BIKES


def test_a_sudden_change_is_a_cut() -> None:
    assert boundaries([scene(0)] * 10 + [scene(1)] * 10 + [scene(2)]) == [10, 20]


def test_a_fast_camera_is_no_cut() -> None:
    assert boundaries(scene(0, right=12 * step) for step in range(25)) == []


def test_a_change_of_exposure_is_no_cut() -> None:
    lit = np.asarray(cv2.convertScaleAbs(scene(0), alpha=0.7, beta=60), np.uint8)
    assert boundaries([scene(0)] * 5 + [lit] * 5) == []


def test_cuts_are_found_before_and_after_black_frames() -> None:
    black = np.zeros((180, 320), np.uint8)
    assert boundaries([scene(0)] * 5 + [black] * 5 + [scene(0)] * 5) == [5, 10]
