"""Bytes to pixels. RGB, uint8, height × width × 3."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.errors import ImageError

Image = NDArray[np.uint8]


def decode_image(data: bytes | memoryview, name: str) -> Image:
    """The pixels of a JPEG or PNG. Raises ImageError, naming the image, where there are none."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    if pixels is None:
        raise ImageError(f"{name} is no image that can be decoded ({len(data)} bytes).")
    return np.asarray(pixels, np.uint8)


def read_square(path: Path, size: int) -> Image:
    """An image file as size × size pixels: the middle square of it, resized."""
    return resize(middle_square(decode_image(path.read_bytes(), str(path))), size)


def middle_square(image: Image) -> Image:
    """The largest square in the middle of an image."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def resize(image: Image, size: int) -> Image:
    """The image at size × size pixels; averages areas where it shrinks, so that nothing aliases."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = image.shape[0] > size
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
