"""Find moving points by the paper's method: feature points that are tracked over some frames (Sec. 4.1).

The paper takes improved dense trajectories of SURF points, which no Python package offers. Here corners are tracked by
pyramidal Lucas-Kanade, forward and backward, and the camera's homography is subtracted at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayFrame, GrayImage, MovingBox, camera_homography, core_rectangle, densest_window
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

# Legend: N points of a frame; vectors are (x, y) in work pixels.
Points: TypeAlias = NDArray[np.float32]

_CORNERS, _MIN_CORNERS = 600, 12
_QUALITY, _MIN_DISTANCE = 0.001, 4.0
"""Least strength of a corner, as a share of the strongest's (as in dense trajectories); least distance of two corners,
work pixels."""
_WINDOW, _LEVELS = (11, 11), 2
_MAGSAC_TRIES = 200
_PAPER_LONG_SIDE = 600
"""Long side of the paper's frames, pixels: the unit of `trajectory_speed`."""


class TrajectoryDetector:
    """Finds the moving box, `side` work pixels wide, in frames of `width`×`height` work pixels."""

    def __init__(self, settings: MiningSettings, width: int, height: int, side: float) -> None:
        self._settings = settings
        self._shape = height, width
        self._side = side
        self._min_speed = settings.trajectory_speed * max(width, height) / _PAPER_LONG_SIDE

    def detect(self, shot: Sequence[GrayFrame]) -> MovingBox | Rejection:
        """Return the window with the most moving points, if neither too few nor too many of all points move."""
        tracked = self.moving_points(shot)
        if isinstance(tracked, Rejection):
            return tracked
        points, moving = tracked
        share = moving.mean()
        if not share or share < self._settings.trajectory_min:
            return Rejection.LITTLE_MOTION
        if share > self._settings.trajectory_max:
            return Rejection.MUCH_MOTION
        return self._box(points, moving)

    def moving_points(self, shot: Sequence[GrayFrame]) -> tuple[Points, NDArray[np.bool_]] | Rejection:
        """Return N×2 points of the first frame that were tracked to the end, and which of them move by themselves."""
        frames = list(islice(shot, self._settings.trajectory_frames + 1))
        corners = cv2.goodFeaturesToTrack(frames[0].gray, _CORNERS, _QUALITY, _MIN_DISTANCE)
        if corners is None or len(corners) < _MIN_CORNERS:
            return Rejection.FEW_CORNERS
        first = points = corners.reshape(-1, 2).astype(np.float32)
        motion = np.zeros_like(first)
        for before, after in pairwise(frames):
            arrived, found = self._track(before.gray, after.gray, points)
            first, motion, points, arrived = first[found], motion[found], points[found], arrived[found]
            step = self._residual(points, arrived)
            if step is None:
                return Rejection.CAMERA_UNCLEAR
            motion, points = motion + step, arrived
        steps = len(frames) - 1
        return first, np.linalg.norm(motion, axis=1) > self._min_speed * steps

    def _track(self, before: GrayImage, after: GrayImage, points: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Return the new positions, and which points the backward flow leads back to their old position."""
        arrived, forward = _flow(before, after, points)
        returned, backward = _flow(after, before, arrived)
        error = np.linalg.norm(returned - points, axis=1)
        return arrived, forward & backward & (error < self._settings.round_trip)

    def _residual(self, points: Points, arrived: Points) -> Points | None:
        """Return each point's step minus the camera's, N×2; None where the camera's motion is unclear."""
        if len(points) < _MIN_CORNERS:
            return None
        camera = camera_homography(points, arrived, self._settings, _MAGSAC_TRIES)
        return (
            None if camera is None else cast(Points, arrived - cv2.perspectiveTransform(points[:, None], camera)[:, 0])
        )

    def _box(self, points: Points, moving: NDArray[np.bool_]) -> MovingBox:
        window = round(self._side)
        top, left, best = densest_window(self._counts(points[moving]), window, window)
        inside = np.all((points >= (left, top)) & (points < (left + window, top + window)), axis=1)
        core = core_rectangle(points[inside & moving], 1.0)
        return MovingBox(float(left), float(top), best / int(np.count_nonzero(inside)), core)

    def _counts(self, points: Points) -> NDArray[np.uint8]:
        """Return how many points lie in each pixel, H×W."""
        counts = np.zeros(self._shape, np.uint8)
        columns, rows = points.astype(int).T
        np.add.at(counts, (rows, columns), 1)
        return counts


def _flow(before: GrayImage, after: GrayImage, points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Return the new positions by Lucas-Kanade, and which points were found."""
    if not len(points):
        return points, np.zeros(0, np.bool_)
    arrived, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=_WINDOW, maxLevel=_LEVELS)  # type: ignore[call-overload]
    return arrived, found.ravel() == 1
