"""Hard cuts: where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.settings import MiningSettings

_SIZE = (64, 36)
_MEMORY = 5


class ShotBoundaryDetector:
    """Watches a video frame by frame and tells where a new shot begins.

    A cut changes the picture much (`cut_difference`), suddenly (`cut_ratio`, so a fast camera is not cut to
    pieces) and in its structure (`cut_correlation`, so neither is a change of exposure).
    """

    def __init__(self, settings: MiningSettings) -> None:
        self._settings = settings
        self._small: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_MEMORY)

    def begins(self, gray: NDArray[np.uint8]) -> bool:
        """Whether this frame, H×W, is the first of a shot; the first frame of a video is not told so."""
        small = cv2.resize(gray, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._small = self._small, small
        if before is None:
            return False
        change = float(np.abs(small - before).mean())
        cut = (
            # Without a change to compare with, a fast camera would begin a shot at every frame.
            bool(self._changes)
            and change >= self._settings.cut_difference
            and change >= self._settings.cut_ratio * float(np.mean(self._changes))
            and _correlation(small, before) <= self._settings.cut_correlation
        )
        if cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return cut


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a = a - a.mean()
    b = b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
