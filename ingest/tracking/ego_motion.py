"""How far a tracked region goes by itself: its way, less the camera's (Sec. 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.settings import MiningSettings

# Legend: H×W×3 frames in BGR; S stops of a track; points and vectors are (x, y) in the frames' pixels.
_STRIDE = 5
"""Frames from stop to stop: the camera is seen again at each."""
_CORNERS, _LEAST_CORNERS = 150, 12
_APART = 1 / 20
"""Distance of two corners at least, in short sides: corners that cluster make a homography extrapolate."""
_QUALITY = 0.005
_AROUND = 1 / 6
"""Of a box's sides, on each side of it, what is left to the thing in it as well."""
_WINDOW = (15, 15)
_TRIES = 200
"""Homographies that MAGSAC tries."""


def own_steps(
    frames: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float64], settings: MiningSettings
) -> NDArray[np.float64]:
    """S×2: how far the middle of a box got from stop to stop beyond where the camera took it.

    `boxes` are the track's x, y, width and height, a row a frame. Where the camera's motion is unclear, before plain
    backgrounds for the most part, it is taken to stand still.
    """
    stops = [*range(0, len(frames) - 1, _STRIDE), len(frames) - 1]
    grays = [np.asarray(cv2.cvtColor(frames[stop], cv2.COLOR_BGR2GRAY), np.uint8) for stop in stops]
    steps = []
    for (gray, after), (box, end) in zip(pairwise(grays), pairwise(boxes[stops]), strict=True):
        camera = _camera(gray, after, box, settings)
        carried = cv2.perspectiveTransform(_middle(box).reshape(1, 1, 2), camera).reshape(2)
        steps.append(_middle(end) - carried)
    return np.array(steps)


def _camera(
    first: NDArray[np.uint8], second: NDArray[np.uint8], box: NDArray[np.float64], settings: MiningSettings
) -> NDArray[np.float64]:
    """The homography that most corners outside the box follow, or none's."""
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, _QUALITY, min(first.shape) * _APART, mask=_outside(first, box))
    if corners is None or len(corners) < _LEAST_CORNERS:
        return np.eye(3)
    arrived, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=_WINDOW)  # type: ignore[call-overload]
    seen = found.ravel() == 1
    if seen.sum() < _LEAST_CORNERS:
        return np.eye(3)
    camera, inliers = cv2.findHomography(
        corners[seen], arrived[seen], cv2.USAC_MAGSAC, settings.ransac_threshold, maxIters=_TRIES
    )
    if camera is None or inliers.mean() < settings.min_inliers:
        return np.eye(3)
    return cast(NDArray[np.float64], camera)


def _outside(image: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    mask = np.full(image.shape, 255, np.uint8)
    around = box[2:] * _AROUND
    left, top, right, bottom = np.rint(np.maximum(0, [*(box[:2] - around), *(box[:2] + box[2:] + around)])).astype(int)
    mask[top:bottom, left:right] = 0
    return mask


def _middle(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(box[:2] + box[2:] / 2)
