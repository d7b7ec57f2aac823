"""What a still camera sees behind the things.

Between two things that follow each other, the background differs from before and after: one thing was there, the other
will be. A pixel that shows what stood there long before is background all the same.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.motion.samples import CELL, Sample

_EQUAL = 7
"""Gray levels by which a pixel of the background may differ."""
_STANDS = 1.0
"""Seconds after which what does not change is background."""
_SHOWN = 200
"""Mean of a cell's pixels, 255 where they show the background, from which the cell does."""


class Background:
    """Is given all samples of a shot, in order; it starts anew where the camera moves."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the time from one sample to the next."""
        self._stands = min(255, max(1, round(_STANDS / seconds)))
        self._latest: GrayImage | None = None
        """What each pixel shows since it changed last."""
        self._age: GrayImage = np.zeros(0, np.uint8)
        """Samples since it changed last, at most 255."""
        self._known: GrayImage = np.zeros(0, np.uint8)
        """255 where the background is known."""
        self._background: GrayImage = np.zeros(0, np.uint8)

    def add(self, sample: Sample, still: bool) -> None:
        """Learn from the next sample; `still` says whether the camera stood still since the one before."""
        if self._latest is None or not still:
            self._latest, self._background = sample.soft.copy(), sample.soft.copy()
            self._age, self._known = np.zeros_like(sample.soft), np.zeros_like(sample.soft)
            return
        changed = cv2.compare(cv2.absdiff(sample.soft, self._latest), _EQUAL, cv2.CMP_GT)  # type: ignore[call-overload]
        cv2.copyTo(sample.soft, changed, self._latest)
        self._age = np.asarray(cv2.bitwise_and(cv2.add(self._age, 1), cv2.bitwise_not(changed)), np.uint8)  # type: ignore[call-overload]
        stands = cv2.compare(self._age, self._stands, cv2.CMP_GE)  # type: ignore[call-overload]
        cv2.copyTo(self._latest, stands, self._background)
        cv2.bitwise_or(self._known, stands, self._known)

    def shown(self, sample: Sample) -> GrayImage:
        """Return the pixels of a sample that show the background, H×W, 255 or 0."""
        equal = cv2.compare(cv2.absdiff(sample.soft, self._background), _EQUAL, cv2.CMP_LE)  # type: ignore[call-overload]
        return np.asarray(cv2.bitwise_and(equal, self._known), np.uint8)


def shown_cells(shown: GrayImage) -> NDArray[np.bool_]:
    """Return the cells, h×w, whose pixels show the background."""
    height, width = shown.shape
    return np.asarray(cv2.resize(shown, (width // CELL, height // CELL), interpolation=cv2.INTER_AREA) > _SHOWN)
