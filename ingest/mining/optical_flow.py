"""Find moving points by dense optical flow: those that move differently from the camera (Sec. 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayFrame, MovingBox, camera_homography, core_rectangle, densest_window
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

# Legend: H×W work pixels of a frame; R×C points on a grid over it; vectors are (x, y) in work pixels.
Vectors: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

_CELLS = (16, 24)
"""Rows and columns of cells. Each gives one corner, because a homography of clustered corners extrapolates badly."""
_MIN_CORNERS = 12
_MAGSAC_TRIES = 500
_LONG_FLOW_ERROR = 0.02
"""Additional forward-backward error that is allowed, as a share of the flow's length, both squared: long flow is less
exact."""


class FlowDetector:
    """Finds the moving box, `side` work pixels wide, in frames of `width`×`height` work pixels."""

    def __init__(self, settings: MiningSettings, width: int, height: int, side: float) -> None:
        self._settings = settings
        self._step = settings.point_step
        self._long_side = max(width, height)
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._grid = self._sample(np.dstack((columns, rows)))
        self._window = round(side / self._step)

    def detect(self, shot: Sequence[GrayFrame]) -> MovingBox | Rejection:
        """Return the window with the most moving points, if it holds enough of them, or the reason why not."""
        moving = self.moving_points(shot)
        return moving if isinstance(moving, Rejection) else self._box(moving)

    def moving_points(self, shot: Sequence[GrayFrame]) -> Mask | Rejection:
        """Return which R×C points of the first frame move, seen in three frames `pair_seconds` apart.

        A point moves if its flow differs from the camera's motion, if the backward flow leads back to it, and if it
        moves on in the next pair of frames. The checks that cost little and that most frames fail come first.
        """
        first, second, third = self._three_frames(shot)
        strength = self._sample(cast(Vectors, cv2.cornerMinEigenVal(first.gray, 3)))
        textured = strength > self._settings.texture * np.quantile(strength, 0.99)
        corners = textured & _strongest_in_cells(strength)
        if np.count_nonzero(corners) < _MIN_CORNERS:
            return Rejection.FEW_CORNERS
        shift = self._sample(self._calculate(first, second))
        residual = self._residual(self._grid, shift, corners)
        if residual is None:
            return Rejection.CAMERA_UNCLEAR
        moving = textured & (_squared_length(residual) > self._min_shift(first, second) ** 2)
        if moving.mean() < self._settings.min_moving:
            return Rejection.LITTLE_MOTION
        arrived = self._grid + shift
        back = _interpolate(self._calculate(second, first), arrived)
        allowed = self._settings.round_trip**2 + _LONG_FLOW_ERROR * _squared_length(shift)
        moving &= _squared_length(shift + back) < allowed
        if moving.mean() < self._settings.min_moving:
            return Rejection.LITTLE_MOTION
        next_shift = _interpolate(self._calculate(second, third), arrived)
        next_residual = self._residual(arrived, next_shift, corners)
        if next_residual is None:
            return Rejection.CAMERA_UNCLEAR
        moves_on = _squared_length(next_residual) > self._min_shift(second, third) ** 2
        return moving & self._same_direction(residual, next_residual) & moves_on

    def _three_frames(self, shot: Sequence[GrayFrame]) -> tuple[GrayFrame, GrayFrame, GrayFrame]:
        second = self._next(shot[0], shot)
        return shot[0], second, self._next(second, shot)

    def _next(self, frame: GrayFrame, shot: Sequence[GrayFrame]) -> GrayFrame:
        """Return the first frame at least `pair_seconds` later, or the last of the shot."""
        due = frame.time + self._settings.pair_seconds - 1e-3
        return next((later for later in shot if later.time >= due), shot[-1])

    def _box(self, moving: Mask) -> MovingBox | Rejection:
        count = np.count_nonzero(moving)
        if not count or count < self._settings.min_moving * moving.size:
            return Rejection.LITTLE_MOTION
        if count > self._settings.max_moving * moving.size:
            return Rejection.MUCH_MOTION
        rows, columns = (min(self._window, length) for length in moving.shape)
        top, left, best = densest_window(moving.astype(np.uint8), rows, columns)
        if best < self._settings.min_density * rows * columns:
            return Rejection.SPARSE_MOTION
        if best < self._settings.min_share * count:
            return Rejection.SCATTERED_MOTION
        positions = np.argwhere(moving[top : top + rows, left : left + columns]) + np.array((top, left))
        core = core_rectangle(positions[:, ::-1] * self._step, self._step)
        return MovingBox(float(left * self._step), float(top * self._step), best / (rows * columns), core)

    def _residual(self, points: Vectors, shift: Vectors, corners: Mask) -> Vectors | None:
        """Return each point's shift minus the camera's, R×C×2; None where the camera's motion is unclear."""
        start = points[corners]
        camera = camera_homography(start, start + shift[corners], self._settings, _MAGSAC_TRIES)
        return None if camera is None else cast(Vectors, points + shift - cv2.perspectiveTransform(points, camera))

    def _same_direction(self, motion: Vectors, later: Vectors) -> Mask:
        product = (motion * later).sum(axis=-1)
        lengths = np.sqrt(_squared_length(motion) * _squared_length(later))
        return cast(Mask, product > self._settings.same_direction * lengths)

    def _min_shift(self, first: GrayFrame, second: GrayFrame) -> float:
        """Return the shift of a moving point between two frames at least, work pixels."""
        return max(self._settings.min_speed * self._long_side * (second.time - first.time), self._settings.min_shift)

    def _calculate(self, first: GrayFrame, second: GrayFrame) -> Vectors:
        return cast(Vectors, self._flow.calc(first.gray, second.gray, None))

    def _sample(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of an H×W field at the R×C points."""
        offset = self._step // 2
        return np.ascontiguousarray(field[offset :: self._step, offset :: self._step])


def _strongest_in_cells(strength: NDArray[np.float32]) -> Mask:
    """Return which R×C points are the strongest of their cell."""
    rows, columns = strength.shape
    cell_rows = np.arange(rows) * min(_CELLS[0], rows) // rows
    cell_columns = np.arange(columns) * min(_CELLS[1], columns) // columns
    first_rows = np.searchsorted(cell_rows, np.arange(cell_rows[-1] + 1))
    first_columns = np.searchsorted(cell_columns, np.arange(cell_columns[-1] + 1))
    best = np.maximum.reduceat(np.maximum.reduceat(strength, first_rows, axis=0), first_columns, axis=1)
    return cast(Mask, strength == best[np.ix_(cell_rows, cell_columns)])


def _interpolate(field: Vectors, points: Vectors) -> Vectors:
    """Return an H×W×2 field at R×C points between its pixels; zero beyond the frame."""
    return cast(Vectors, cv2.remap(field, points[..., 0], points[..., 1], cv2.INTER_LINEAR))


def _squared_length(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    # By hand, because numpy sums over an axis of length two ten times as slowly.
    x, y = vectors[..., 0], vectors[..., 1]
    return cast(NDArray[np.floating], x * x + y * y)
