"""Decoding of images to pixels: RGB, uint8, height × width × 3."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

Image = NDArray[np.uint8]


def decode_image(data: bytes | memoryview, name: str) -> Image:
    """Decode a JPEG or PNG. Raises DataError, which names the image, if it cannot be decoded."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    if pixels is None:
        raise DataError(f"{name} is no image that can be decoded ({len(data)} bytes).")
    return np.asarray(pixels, np.uint8)


def read_square(path: Path, size: int) -> Image:
    """Read the middle square of an image file, resized to size × size pixels."""
    return resize(middle_square(decode_image(path.read_bytes(), str(path))), size)


def middle_square(image: Image) -> Image:
    """Cut the largest square from the middle of an image."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def resize(image: Image, size: int) -> Image:
    """Resize an image to size × size pixels. An image that shrinks is averaged by area, against aliasing."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = image.shape[0] > size
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
