"""Which part of a frame moves by itself: flow, less what the camera's motion explains (Sec. 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayFrame, Moving, core_of, densest
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

# Legend: H×W work pixels of a frame; R×C points on a grid over it; vectors are (x, y) in work pixels.
Vectors: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

_CELLS = (16, 24)
"""Rows and columns of cells, each giving one corner: corners that cluster make a homography extrapolate."""
_MIN_CORNERS = 12
_CAMERA_TRIES = 500
"""Homographies that MAGSAC tries."""
_LONG_WAY = 0.02
"""Error of a round trip that is forgiven as a share of the way, both squared: flow is less sure of long ways."""


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

    def judge(self, shot: Sequence[GrayFrame]) -> Moving | Rejection:
        """The window with the most moving points, if few enough move elsewhere."""
        moving = self.points(shot)
        return moving if isinstance(moving, Rejection) else self._box(moving)

    def points(self, shot: Sequence[GrayFrame]) -> Mask | Rejection:
        """R×C: which points of the first frame move, seen over three frames `pair_seconds` apart.

        A point moves if its flow differs from the camera's, flows back to where it was, and goes on in the
        next pair. Checks that cost little, and most frames fail, come first.
        """
        first, second, third = self._three(shot)
        strength = self._sample(cast(Vectors, cv2.cornerMinEigenVal(first.gray, 3)))
        textured = strength > self._settings.min_texture * np.quantile(strength, 0.99)
        corners = textured & _strongest_of_cells(strength)
        if np.count_nonzero(corners) < _MIN_CORNERS:
            return Rejection.FLAT
        shift = self._sample(self._calculate(first, second))
        residual = self._own_motion(self._points, shift, corners)
        if residual is None:
            return Rejection.CAMERA
        moving = textured & (_square(residual) > self._least_shift(first, second) ** 2)
        if moving.mean() < self._settings.min_moving:
            return Rejection.LITTLE
        arrived = self._points + shift
        back = _look_up(self._calculate(second, first), arrived)
        moving &= _square(shift + back) < self._settings.max_forward_backward_error**2 + _LONG_WAY * _square(shift)
        if moving.mean() < self._settings.min_moving:
            return Rejection.LITTLE
        onward = _look_up(self._calculate(second, third), arrived)
        later = self._own_motion(arrived, onward, corners)
        if later is None:
            return Rejection.CAMERA
        return moving & self._goes_on(residual, later) & (_square(later) > self._least_shift(second, third) ** 2)

    def _three(self, shot: Sequence[GrayFrame]) -> tuple[GrayFrame, GrayFrame, GrayFrame]:
        second = self._after(shot[0], shot)
        return shot[0], second, self._after(second, shot)

    def _after(self, seen: GrayFrame, shot: Sequence[GrayFrame]) -> GrayFrame:
        """The first frame at least `pair_seconds` later, or the last there is."""
        due = seen.time + self._settings.pair_seconds - 1e-3
        return next((later for later in shot if later.time >= due), shot[-1])

    def _box(self, moving: Mask) -> Moving | Rejection:
        count = np.count_nonzero(moving)
        if not count or count < self._settings.min_moving * moving.size:
            return Rejection.LITTLE
        if count > self._settings.max_moving * moving.size:
            return Rejection.MUCH
        rows, columns = (min(self._window, length) for length in moving.shape)
        top, left, best = densest(moving.astype(np.uint8), rows, columns)
        if best < self._settings.min_density * rows * columns:
            return Rejection.SPARSE
        if best < self._settings.min_coverage * count:
            return Rejection.SCATTERED
        places = np.argwhere(moving[top : top + rows, left : left + columns]) + np.array((top, left))
        core = core_of(places[:, ::-1] * self._step, self._step)
        return Moving(float(left * self._step), float(top * self._step), best / (rows * columns), core)

    def _own_motion(self, points: Vectors, shift: Vectors, corners: Mask) -> Vectors | None:
        """R×C×2: each point's shift less the camera's, which is a homography that most `corners` follow."""
        start = points[corners]
        camera, inliers = cv2.findHomography(
            start, start + shift[corners], cv2.USAC_MAGSAC, self._settings.ransac_threshold, maxIters=_CAMERA_TRIES
        )
        if camera is None or inliers.mean() < self._settings.min_inliers:
            return None
        return cast(Vectors, points + shift - cv2.perspectiveTransform(points, camera))

    def _goes_on(self, motion: Vectors, later: Vectors) -> Mask:
        along = (motion * later).sum(axis=-1)
        return cast(Mask, along > self._settings.min_direction_cosine * np.sqrt(_square(motion) * _square(later)))

    def _least_shift(self, first: GrayFrame, second: GrayFrame) -> float:
        return max(self._settings.min_speed * self._long * (second.time - first.time), self._settings.min_shift)

    def _calculate(self, first: GrayFrame, second: GrayFrame) -> Vectors:
        return cast(Vectors, self._flow.calc(first.gray, second.gray, None))

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
