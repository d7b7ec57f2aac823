"""Crops without color and with one contrast: networks otherwise match what is behind a thing by its hue and light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.features.base import Extractor

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MIDDLE, CONTRAST = 127.5, 50.0
"""Mean and standard deviation of a gray crop, of 255; what that takes beyond black and white is cut."""


@dataclass(frozen=True)
class GrayscaleExtractor:
    """An extractor that is shown every crop gray, at one mean and one contrast."""

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
        return self.extractor(gray(crops))


def gray(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N×S×S×3 RGB crops as N×S×S×3 gray ones, each with the same mean and contrast; a blank one stays blank."""
    light = crops.astype(np.float32) @ LUMA
    centered = light - light.mean(axis=(1, 2), keepdims=True)
    # A contrast below one gray level is noise of the camera, and is not raised to that of a picture.
    spread = np.maximum(centered.std(axis=(1, 2), keepdims=True), 1.0)
    even = np.clip(np.rint(MIDDLE + CONTRAST * centered / spread), 0, 255).astype(np.uint8)
    return np.repeat(even[..., None], 3, axis=3)
