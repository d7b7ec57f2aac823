"""Following a box with KCF (Sec. 4.3)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.crops import Box
from ingest.errors import WrongOpenCV
from ingest.funnel import Reason


def require_tracker() -> None:
    """Raises WrongOpenCV where a build without contrib modules is installed, or was installed over it."""
    if not hasattr(cv2, "TrackerKCF"):
        raise WrongOpenCV(getattr(cv2, "__version__", "damaged"))


class BoxTracker:
    """Follows one box of a frame through the frames after it, all reduced by `scale`.

    KCF wants integer boxes and three channels, does not change the size of its box, and finds it again at
    the old place after losing it: the first failure is final.
    """

    def __init__(self, small: NDArray[np.uint8], box: Box, scale: float) -> None:
        self._box = box
        self._scale = scale
        height, width = small.shape[:2]
        self._side = min(round(box.side * scale), width, height)
        self._x = min(round(box.x * scale), width - self._side)
        self._y = min(round(box.y * scale), height - self._side)
        self._tracker = cv2.TrackerKCF.create()
        self._tracker.init(small, (self._x, self._y, self._side, self._side))
        # The first update never looks, it returns the box of init: spent here, no later one lags a frame behind.
        self._tracker.update(small)

    def follow(self, small: NDArray[np.uint8]) -> Box | Reason:
        """Where the box is in the next frame, in pixels of the whole frame, or why the track ends."""
        found, (x, y, width, height) = self._tracker.update(small)
        if not found:
            return Reason.TRACKER
        # KCF clips a box at the border.
        if (width, height) != (self._side, self._side):
            return Reason.LEFT
        rows, columns = small.shape[:2]
        if not (0 <= x <= columns - self._side and 0 <= y <= rows - self._side):
            return Reason.LEFT
        dx, dy = round((x - self._x) / self._scale), round((y - self._y) / self._scale)
        return Box(self._box.x + dx, self._box.y + dy, self._box.side)
