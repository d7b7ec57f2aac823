"""Ego-motion compensation: how far a tracked region moves in addition to the camera's motion (Sec. 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import camera_homography
from ingest.settings import MiningSettings

# Legend: H×W×3 frames in BGR; S steps of a track; points and vectors are (x, y) in the frames' pixels.
_STRIDE = 5
"""Frames from one step to the next."""
_CORNERS, _MIN_CORNERS = 150, 12
_MIN_DISTANCE = 1 / 20
"""Least distance of two corners, in short sides of the frame: a homography of clustered corners extrapolates badly."""
_QUALITY = 0.005
_BORDER = 1 / 6
"""Border around a box where no corners are taken, as a share of its sides: the tracked thing may reach into it."""
_WINDOW = (15, 15)
_MAGSAC_TRIES = 200


def compensated_steps(
    frames: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float64], settings: MiningSettings
) -> NDArray[np.float64]:
    """Return how far the center of a box moves from step to step, minus the camera's motion, S×2.

    `boxes` are the track's x, y, width and height, one row a frame. Where the camera's motion is unclear, mostly before
    plain backgrounds, it is taken as zero.
    """
    stops = [*range(0, len(frames) - 1, _STRIDE), len(frames) - 1]
    grays = [np.asarray(cv2.cvtColor(frames[stop], cv2.COLOR_BGR2GRAY), np.uint8) for stop in stops]
    steps = []
    for (before, after), (box, next_box) in zip(pairwise(grays), pairwise(boxes[stops]), strict=True):
        camera = _camera(before, after, box, settings)
        moved_by_camera = cv2.perspectiveTransform(_center(box).reshape(1, 1, 2), camera).reshape(2)
        steps.append(_center(next_box) - moved_by_camera)
    return np.array(steps)


def _camera(
    before: NDArray[np.uint8], after: NDArray[np.uint8], box: NDArray[np.float64], settings: MiningSettings
) -> NDArray[np.float64]:
    """Return the homography that most corners outside the box follow, or the identity."""
    mask = _mask_outside(before, box)
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, _QUALITY, min(before.shape) * _MIN_DISTANCE, mask=mask)
    if corners is None or len(corners) < _MIN_CORNERS:
        return np.eye(3)
    arrived, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=_WINDOW)  # type: ignore[call-overload]
    tracked = found.ravel() == 1
    if tracked.sum() < _MIN_CORNERS:
        return np.eye(3)
    camera = camera_homography(corners[tracked], arrived[tracked], settings, _MAGSAC_TRIES)
    return np.eye(3) if camera is None else camera


def _mask_outside(image: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return 255 outside the box and its border, H×W, and 0 inside."""
    mask = np.full(image.shape, 255, np.uint8)
    border = box[2:] * _BORDER
    left, top, right, bottom = np.rint(np.maximum(0, [*(box[:2] - border), *(box[:2] + box[2:] + border)])).astype(int)
    mask[top:bottom, left:right] = 0
    return mask


def _center(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(box[:2] + box[2:] / 2)
