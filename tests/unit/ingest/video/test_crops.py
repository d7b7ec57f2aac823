"""Crops and whole frames as JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from ingest.model import Box
from ingest.settings import MiningSettings
from ingest.video.crops import crop_jpeg, frame_jpeg
from tests.unit.ingest.clip_files import Image, texture

SETTINGS = MiningSettings()


def test_crops_keep_color_at_full_resolution() -> None:
    jpeg = crop_jpeg(texture(240, 320), Box(10, 20, 136), SETTINGS)
    assert decoded(jpeg).shape == (96, 96, 3)
    frame = jpeg.index(b"\xff\xc0")
    assert [jpeg[frame + 11 + 3 * component] for component in range(3)] == [0x11] * 3


def test_whole_frames_are_reduced_and_never_enlarged() -> None:
    assert decoded(frame_jpeg(texture(540, 960), SETTINGS)).shape == (256, 455, 3)
    assert decoded(frame_jpeg(texture(100, 150), SETTINGS)).shape == (100, 150, 3)


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
