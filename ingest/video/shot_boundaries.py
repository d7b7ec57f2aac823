"""Detect hard cuts between shots."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.settings import MiningSettings

_SIZE = (64, 36)
"""Width and height of the frames that are compared, pixels."""
_RECENT = 5
"""Number of recent changes that a change is compared with."""


class ShotBoundaryDetector:
    """Is given the frames of a video in order, and finds the first frame of each new shot.

    At a cut, the picture changes a lot (`cut_difference`), suddenly (`cut_ratio`: a fast camera is no cut) and in its
    structure (`cut_correlation`: a change of exposure is no cut).
    """

    def __init__(self, settings: MiningSettings) -> None:
        self._settings = settings
        self._small: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_RECENT)

    def is_boundary(self, gray: NDArray[np.uint8]) -> bool:
        """Return whether this frame, H×W, is the first of a new shot; the first frame of the video is not."""
        small = cv2.resize(gray, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._small = self._small, small
        if before is None:
            return False
        change = float(np.abs(small - before).mean())
        cut = (
            # Without an earlier change, a fast camera would give a boundary at every frame.
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
    """Return the Pearson correlation; 0 where an image is uniform."""
    a = a - a.mean()
    b = b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
