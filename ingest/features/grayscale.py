"""Gray crops of equal contrast: from others, networks match backgrounds by their color and brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.features.base import Extractor

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue."""
MEAN, CONTRAST = 127.5, 50.0
"""Mean and standard deviation of a gray crop, gray levels; values beyond black and white are clipped."""


@dataclass(frozen=True)
class GrayscaleExtractor:
    """Converts crops to gray, and passes them to another extractor."""

    extractor: Extractor

    version = "1"

    @property
    def name(self) -> str:
        return self.extractor.name

    @property
    def dims(self) -> int:
        return self.extractor.dims

    @property
    def whiten(self) -> int:
        return self.extractor.whiten

    @property
    def digest(self) -> str:
        return digest("gray", self.version, self.extractor.digest)

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.extractor(to_grayscale(crops))


def to_grayscale(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert N×S×S×3 RGB crops to gray ones of the same shape, mean and contrast; a blank crop stays blank."""
    brightness = crops.astype(np.float32) @ LUMA
    centered = brightness - brightness.mean(axis=(1, 2), keepdims=True)
    # A contrast below one gray level is noise of the camera, and is not amplified.
    deviation = np.maximum(centered.std(axis=(1, 2), keepdims=True), 1.0)
    equalized = np.clip(np.rint(MEAN + CONTRAST * centered / deviation), 0, 255).astype(np.uint8)
    return np.repeat(equalized[..., None], 3, axis=3)
