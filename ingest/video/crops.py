"""Pixels to JPEG: the crops that become patches, and the frames they come from."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.model import Box
from ingest.settings import MiningSettings


def crop_jpeg(image: NDArray[np.uint8], box: Box, settings: MiningSettings) -> bytes:
    """The box of an H×W×3 BGR frame, scaled to `crop_side`×`crop_side` (Sec. 4.1: 227 to 96 pixels)."""
    cut = image[box.y : box.y + box.side, box.x : box.x + box.side]
    return _jpeg(_resized(cut, settings.crop_side, settings.crop_side), settings.jpeg_quality, full_color=True)


def frame_jpeg(image: NDArray[np.uint8], settings: MiningSettings) -> bytes:
    """The whole H×W×3 BGR frame, its short side at most `frame_side`."""
    height, width = image.shape[:2]
    scale = min(1.0, settings.frame_side / min(height, width))
    return _jpeg(_resized(image, round(width * scale), round(height * scale)), settings.frame_quality)


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    smaller = width <= image.shape[1]
    scaled: Any = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return cast(NDArray[np.uint8], scaled)


def _jpeg(image: NDArray[np.uint8], quality: int, *, full_color: bool = False) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if full_color:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    written, data = cv2.imencode(".jpg", image, options)
    if not written:
        raise RuntimeError("OpenCV did not write the JPEG")
    return data.tobytes()


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    """A JPEG as H×W×3 RGB."""
    import cv2

    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(image, np.uint8)
