"""What a judge of motion is shown, and what it finds: the window with the most moving points (Sec. 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.rejections import Rejection

Gray: TypeAlias = NDArray[np.uint8]
_CORE = 0.05
"""Moving points left out at each side of a box's core."""


@dataclass(frozen=True, slots=True)
class GrayFrame:
    """A frame, small and gray, H×W; `time` in seconds from the first of the video."""

    index: int
    time: float
    gray: Gray


@dataclass(frozen=True, slots=True)
class MovingBox:
    """The box with the most moving points: top left corner in work pixels, share of its points that move."""

    x: float
    y: float
    density: float
    core: tuple[float, float, float, float]
    """x, y, width and height, in work pixels, of the part of the box that holds nearly all of its moving points."""


class MotionDetector(Protocol):
    """One way to tell what moves by itself."""

    def detect(self, shot: Sequence[GrayFrame]) -> MovingBox | Rejection:
        """The moving box of the first of these frames, which follow each other, or why it has none."""
        ...


def densest_window(counts: NDArray[np.uint8], rows: int, columns: int) -> tuple[int, int, int]:
    """Top and left of the window of a grid that holds the most, and how much.

    Of several, the one nearest to the mean of them all. A window larger than the grid is the whole of it.
    """
    rows, columns = min(rows, counts.shape[0]), min(columns, counts.shape[1])
    total = cv2.integral(counts)
    held = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    best = int(held.max())
    plateau = np.argwhere(held == best)
    top, left = plateau[np.argmin(np.square(plateau - plateau.mean(axis=0)).sum(axis=-1))]
    return int(top), int(left), best


def core_rectangle(moving_points: NDArray[np.floating], step: float) -> tuple[float, float, float, float]:
    """x, y, width and height of nearly all of N×2 points (x, y), each of which stands for `step` pixels."""
    (x, y), (right, bottom) = cast(NDArray[np.floating], np.quantile(moving_points, (_CORE, 1 - _CORE), axis=0))
    return float(x), float(y), float(right - x + step), float(bottom - y + step)
