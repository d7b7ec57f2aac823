"""Which part of a frame moves by itself: flow, less what the camera's motion explains (Sec. 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.funnel import Reason
from ingest.settings import MiningSettings

# Legend: H×W work pixels of a frame; R×C points on a grid over it; vectors are (x, y) in work pixels.
Gray: TypeAlias = NDArray[np.uint8]
Vectors: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

_CELLS = (16, 24)
"""Rows and columns of cells, each giving one corner: corners that cluster make a homography extrapolate."""
_MIN_CORNERS = 12
_CAMERA_TRIES = 500
"""Homographies that MAGSAC tries."""
_LONG_WAY = 0.02
"""Error of a round trip that is forgiven as a share of the way, both squared: flow is less sure of long ways."""
_CORE = 0.05
"""Moving points left out at each side of a box's core."""


@dataclass(frozen=True, slots=True)
class Moving:
    """The box with the most moving points: top left corner in work pixels, share of its points that move."""

    x: float
    y: float
    density: float
    core: tuple[float, float, float, float]
    """x, y, width and height, in work pixels, of the part of the box that holds nearly all of its moving points."""
    camera: float
    """How far the camera's motion took the picture between the first two frames, work pixels."""


class MotionJudge:
    """Finds the moving box, `side` work pixels wide, in frames of `width`×`height` work pixels."""

    def __init__(self, settings: MiningSettings, width: int, height: int, side: float) -> None:
        self._settings = settings
        self._step = settings.point_step
        self._long = max(width, height)
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._points = self._sample(np.dstack((columns, rows)))
        self._window = round(side / self._step)

    def judge(self, frames: tuple[Gray, Gray, Gray], seconds: tuple[float, float]) -> Moving | Reason:
        """The moving box of the first of three frames, `seconds` apart, or why it has none.

        A point moves if its flow differs from the camera's, flows back to where it was, and goes on in the
        next pair. Checks that cost little, and most frames fail, come first.
        """
        first, second, third = frames
        strength = self._sample(cast(Vectors, cv2.cornerMinEigenVal(first, 3)))
        textured = strength > self._settings.texture * np.quantile(strength, 0.99)
        corners = textured & _strongest_of_cells(strength)
        if np.count_nonzero(corners) < _MIN_CORNERS:
            return Reason.FLAT
        there = self._calculate(first, second)
        shift = self._sample(there)
        residual = self._own_motion(self._points, shift, corners)
        if residual is None:
            return Reason.CAMERA
        moving = textured & (_square(residual) > self._least_shift(seconds[0]) ** 2)
        if moving.mean() < self._settings.min_moving:
            return Reason.LITTLE
        arrived = self._points + shift
        back = _look_up(self._calculate(second, first), arrived)
        moving &= _square(shift + back) < self._settings.round_trip**2 + _LONG_WAY * _square(shift)
        if moving.mean() < self._settings.min_moving:
            return Reason.LITTLE
        onward = _look_up(self._calculate(second, third), arrived)
        later = self._own_motion(arrived, onward, corners)
        if later is None:
            return Reason.CAMERA
        moving &= self._goes_on(residual, later) & (_square(later) > self._least_shift(seconds[1]) ** 2)
        camera = float(np.median(np.sqrt(_square(shift - residual)[corners])))
        return self._box(moving, camera)

    def _box(self, moving: Mask, camera: float) -> Moving | Reason:
        """The window with the most moving points; of several, the one nearest to the mean of them all."""
        count = np.count_nonzero(moving)
        if count < self._settings.min_moving * moving.size:
            return Reason.LITTLE
        if count > self._settings.max_moving * moving.size:
            return Reason.MUCH
        rows, columns = (min(self._window, length) for length in moving.shape)
        total = cv2.integral(moving.astype(np.uint8))
        held = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
        best = int(held.max())
        if best < self._settings.min_density * rows * columns:
            return Reason.SPARSE
        if best < self._settings.min_share * count:
            return Reason.SCATTERED
        plateau = np.argwhere(held == best)
        top, left = plateau[np.argmin(_square(plateau - plateau.mean(axis=0)))]
        core = self._core(moving[top : top + rows, left : left + columns], top, left)
        return Moving(float(left * self._step), float(top * self._step), best / (rows * columns), core, camera)

    def _core(self, moving: Mask, top: int, left: int) -> tuple[float, float, float, float]:
        points = np.argwhere(moving) + np.array((top, left))
        (y, x), (bottom, right) = np.quantile(points, (_CORE, 1 - _CORE), axis=0) * self._step
        return float(x), float(y), float(right - x + self._step), float(bottom - y + self._step)

    def _own_motion(self, points: Vectors, shift: Vectors, corners: Mask) -> Vectors | None:
        """R×C×2: each point's shift less the camera's, which is a homography that most `corners` follow."""
        start = points[corners]
        camera, inliers = cv2.findHomography(
            start, start + shift[corners], cv2.USAC_MAGSAC, self._settings.camera_distance, maxIters=_CAMERA_TRIES
        )
        if camera is None or inliers.mean() < self._settings.min_inliers:
            return None
        return cast(Vectors, points + shift - cv2.perspectiveTransform(points, camera))

    def _goes_on(self, motion: Vectors, later: Vectors) -> Mask:
        along = (motion * later).sum(axis=-1)
        return cast(Mask, along > self._settings.same_direction * np.sqrt(_square(motion) * _square(later)))

    def _least_shift(self, seconds: float) -> float:
        return max(self._settings.min_speed * self._long * seconds, self._settings.min_shift)

    def _calculate(self, first: Gray, second: Gray) -> Vectors:
        return cast(Vectors, self._flow.calc(first, second, None))

    def _sample(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        offset = self._step // 2
        return np.ascontiguousarray(field[offset :: self._step, offset :: self._step])


def _strongest_of_cells(strength: NDArray[np.float32]) -> Mask:
    """R×C: the strongest point of each cell of a grid over the frame."""
    rows, columns = strength.shape
    cell_rows = np.arange(rows) * min(_CELLS[0], rows) // rows
    cell_columns = np.arange(columns) * min(_CELLS[1], columns) // columns
    first_rows = np.searchsorted(cell_rows, np.arange(cell_rows[-1] + 1))
    first_columns = np.searchsorted(cell_columns, np.arange(cell_columns[-1] + 1))
    best = np.maximum.reduceat(np.maximum.reduceat(strength, first_rows, axis=0), first_columns, axis=1)
    return cast(Mask, strength == best[np.ix_(cell_rows, cell_columns)])


def _look_up(field: Vectors, points: Vectors) -> Vectors:
    """R×C×2: an H×W×2 field between its pixels; zero beyond the frame."""
    return cast(Vectors, cv2.remap(field, points[..., 0], points[..., 1], cv2.INTER_LINEAR))


def _square(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    # By hand: numpy sums over an axis of two an order of magnitude slower.
    x, y = vectors[..., 0], vectors[..., 1]
    return cast(NDArray[np.floating], x * x + y * y)
