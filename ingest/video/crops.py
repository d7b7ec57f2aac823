"""Crops and whole frames as JPEG, and back."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.model import Box
from ingest.settings import MiningSettings


def crop_jpeg(image: NDArray[np.uint8], box: Box, settings: MiningSettings) -> bytes:
    """Cut the box from an H×W×3 BGR frame and scale it to `crop`×`crop` pixels (Sec. 4.1: 227 to 96)."""
    cut = image[box.y : box.y + box.side, box.x : box.x + box.side]
    return _encode(_resize(cut, settings.crop, settings.crop), settings.jpeg_quality, full_color=True)


def frame_jpeg(image: NDArray[np.uint8], settings: MiningSettings) -> bytes:
    """Encode a whole H×W×3 BGR frame; its short side is reduced to `frame_side` if it is longer."""
    height, width = image.shape[:2]
    scale = min(1.0, settings.frame_side / min(height, width))
    return _encode(_resize(image, round(width * scale), round(height * scale)), settings.frame_quality)


def decode_jpeg(jpeg: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG to H×W×3 RGB."""
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def _resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    interpolation = cv2.INTER_AREA if width <= image.shape[1] else cv2.INTER_CUBIC
    return cast(NDArray[np.uint8], cv2.resize(image, (width, height), interpolation=interpolation))


def _encode(image: NDArray[np.uint8], quality: int, *, full_color: bool = False) -> bytes:
    """Encode as JPEG; `full_color` keeps color at full resolution."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if full_color:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    written, data = cv2.imencode(".jpg", image, options)
    if not written:
        raise RuntimeError("OpenCV did not write the JPEG")
    return data.tobytes()
