"""Which part of a frame moves, by the paper's recipe: feature points followed over some frames (Sec. 4.1).

Corners are followed with pyramidal Lucas-Kanade, forwards and back, and the camera's homography is taken out at every
step, in place of the improved dense trajectories of SURF points, which no package carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import Gray, GrayFrame, Moving, core_of, densest
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

# Legend: N points of a frame; vectors are (x, y) in work pixels.
Points: TypeAlias = NDArray[np.float32]

_CORNERS, _MIN_CORNERS = 600, 12
_QUALITY, _APART = 0.001, 4.0
"""Strength of a corner at least, as a share of the strongest's, as in dense trajectories; work pixels between two."""
_WINDOW, _LEVELS = (11, 11), 2
_CAMERA_TRIES = 200
"""Homographies that MAGSAC tries."""
_WIDTH = 600
"""Long side of the paper's frames, whose pixels `trajectory_speed` counts."""


class TrajectoryJudge:
    """Finds the moving box, `side` work pixels wide, in frames of `width`×`height` work pixels."""

    def __init__(self, settings: MiningSettings, width: int, height: int, side: float) -> None:
        self._settings = settings
        self._shape = height, width
        self._side = side
        self._speed = settings.trajectory_speed * max(width, height) / _WIDTH

    def judge(self, shot: Sequence[GrayFrame]) -> Moving | Rejection:
        """The window with the most moving points, where neither too few nor too many of all points move."""
        followed = self.points(shot)
        if isinstance(followed, Rejection):
            return followed
        points, moving = followed
        share = moving.mean()
        if not share or share < self._settings.trajectory_min_moving:
            return Rejection.LITTLE
        if share > self._settings.trajectory_max_moving:
            return Rejection.MUCH
        return self._box(points, moving)

    def points(self, shot: Sequence[GrayFrame]) -> tuple[Points, NDArray[np.bool_]] | Rejection:
        """N×2 points of the first frame that could be followed, and which of them move by themselves."""
        frames = list(islice(shot, self._settings.trajectory_frames + 1))
        corners = cv2.goodFeaturesToTrack(frames[0].gray, _CORNERS, _QUALITY, _APART)
        if corners is None or len(corners) < _MIN_CORNERS:
            return Rejection.FLAT
        first = at = corners.reshape(-1, 2).astype(np.float32)
        own = np.zeros_like(first)
        for before, after in pairwise(frames):
            arrived, found = self._follow(before.gray, after.gray, at)
            first, own, at, arrived = first[found], own[found], at[found], arrived[found]
            step = self._own_step(at, arrived)
            if step is None:
                return Rejection.CAMERA
            own, at = own + step, arrived
        steps = len(frames) - 1
        return first, np.linalg.norm(own, axis=1) > self._speed * steps

    def _follow(self, before: Gray, after: Gray, at: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Where points went, and which of them were found again on the way back."""
        arrived, seen = _flow(before, after, at)
        returned, back = _flow(after, before, arrived)
        near = np.linalg.norm(returned - at, axis=1) < self._settings.max_forward_backward_error
        return arrived, seen & back & near

    def _own_step(self, at: Points, arrived: Points) -> Points | None:
        """N×2: each point's step less the camera's; None where the camera's is unclear."""
        if len(at) < _MIN_CORNERS:
            return None
        camera, inliers = cv2.findHomography(
            at, arrived, cv2.USAC_MAGSAC, self._settings.ransac_threshold, maxIters=_CAMERA_TRIES
        )
        if camera is None or inliers.mean() < self._settings.min_inliers:
            return None
        return cast(Points, arrived - cv2.perspectiveTransform(at[:, None], camera)[:, 0])

    def _box(self, points: Points, moving: NDArray[np.bool_]) -> Moving:
        window = round(self._side)
        top, left, best = densest(self._counts(points[moving]), window, window)
        inside = np.all((points >= (left, top)) & (points < (left + window, top + window)), axis=1)
        core = core_of(points[inside & moving], 1.0)
        return Moving(float(left), float(top), best / int(np.count_nonzero(inside)), core)

    def _counts(self, points: Points) -> NDArray[np.uint8]:
        """H×W: how many points lie in each pixel."""
        counts = np.zeros(self._shape, np.uint8)
        columns, rows = points.astype(int).T
        np.add.at(counts, (rows, columns), 1)
        return counts


def _flow(before: Gray, after: Gray, at: Points) -> tuple[Points, NDArray[np.bool_]]:
    if not len(at):
        return at, np.zeros(0, np.bool_)
    arrived, found, _ = cv2.calcOpticalFlowPyrLK(before, after, at, None, winSize=_WINDOW, maxLevel=_LEVELS)  # type: ignore[call-overload]
    return arrived, found.ravel() == 1
