"""The interface of a motion detector, and what its implementations share (Sec. 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.rejections import Rejection
from ingest.settings import MiningSettings

GrayImage: TypeAlias = NDArray[np.uint8]
_CORE_QUANTILE = 0.05
"""Share of the moving points that the core leaves out at each side of a box."""


@dataclass(frozen=True, slots=True)
class GrayFrame:
    """A small gray frame, H×W work pixels; `time` is in seconds since the first frame of the video."""

    index: int
    time: float
    gray: GrayImage


@dataclass(frozen=True, slots=True)
class MovingBox:
    """The box with the most moving points: top left corner in work pixels, and the share of its points that move."""

    x: float
    y: float
    density: float
    core: tuple[float, float, float, float]
    """x, y, width and height, in work pixels, of the part of the box that holds nearly all of its moving points."""


class MotionDetector(Protocol):
    """Finds what moves independently of the camera."""

    def detect(self, shot: Sequence[GrayFrame]) -> MovingBox | Rejection:
        """Return the moving box in the first of these consecutive frames, or the reason why there is none."""
        ...


def camera_homography(
    before: NDArray[np.float32], after: NDArray[np.float32], settings: MiningSettings, tries: int
) -> NDArray[np.float64] | None:
    """Return the homography that takes most of N points `before` to `after`; None if too few points follow it.

    `tries` is the number of homographies that MAGSAC samples.
    """
    homography, inliers = cv2.findHomography(before, after, cv2.USAC_MAGSAC, settings.camera_distance, maxIters=tries)
    if homography is None or inliers.mean() < settings.min_inliers:
        return None
    return cast(NDArray[np.float64], homography)


def densest_window(counts: NDArray[np.uint8], rows: int, columns: int) -> tuple[int, int, int]:
    """Return top and left of the window of a grid with the highest sum, and this sum.

    Of several such windows, the one nearest to their mean position is chosen. A window is at most as large as the grid.
    """
    rows, columns = min(rows, counts.shape[0]), min(columns, counts.shape[1])
    total = cv2.integral(counts)
    sums = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    best = int(sums.max())
    plateau = np.argwhere(sums == best)
    top, left = plateau[np.argmin(np.square(plateau - plateau.mean(axis=0)).sum(axis=-1))]
    return int(top), int(left), best


def core_rectangle(points: NDArray[np.floating], step: float) -> tuple[float, float, float, float]:
    """Return x, y, width and height around nearly all of N×2 points (x, y); each point stands for `step` pixels."""
    quantiles = np.quantile(points, (_CORE_QUANTILE, 1 - _CORE_QUANTILE), axis=0)
    (x, y), (right, bottom) = cast(NDArray[np.floating], quantiles)
    return float(x), float(y), float(right - x + step), float(bottom - y + step)
