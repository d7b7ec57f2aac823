"""The camera's motion between two samples, found on corners outside the known things."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.motion.samples import STILL, Matrix, Sample, Vectors, flow_at, warp_points
from ingest.settings import MiningSettings

_CELLS = (16, 24)
"""Rows and columns of cells. Each gives one corner, because a homography of clustered corners extrapolates badly."""
_MIN_CORNERS, _MIN_HOMOGRAPHY_CORNERS = 12, 24
_DISTANCE = 0.5
"""Largest distance between a background corner and its position by the camera's motion, work pixels."""
_TRIES = 300
_STILL_SHIFT = 0.2
"""The camera stands still if half of the corners move less, work pixels."""
_STILL_CORNERS = 0.35
"""Or if no corner of the frame moves so far."""
_EQUAL = 6
"""Gray levels by which a pixel of a still picture may differ: noise and compression."""
_STILL_SHARE = 0.6
"""Share of equal pixels from which a picture with too few corners is still."""
_VOTE = 1
"""Mean difference in a cell from which one of two motions explains it better, gray levels."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom, in work pixels."""


def camera_motion(
    before: Sample, after: Sample, flow: Vectors, things: Iterable[Rectangle], settings: MiningSettings
) -> Matrix | None:
    """Return the matrix from one sample to the next, STILL for a still camera, or None where it is unclear."""
    corners = _corners(before.gray, things, settings.min_texture)
    found = None
    if len(corners) >= _MIN_CORNERS:
        arrived = corners + flow_at(flow, corners)
        if np.mean(np.linalg.norm(arrived - corners, axis=1) < _STILL_SHIFT) > 0.5:
            return STILL
        found = _fit(corners, arrived, settings.min_inliers)
    return _or_still(before.soft, after.soft, found)


def _corners(gray: GrayImage, things: Iterable[Rectangle], min_texture: float) -> Vectors:
    """Return the strongest corner of each cell, N×2, outside the things."""
    height, width = gray.shape
    strength = cv2.cornerMinEigenVal(cv2.resize(gray, (width // 2, height // 2), interpolation=cv2.INTER_AREA), 3)
    floor = max(min_texture * float(np.quantile(strength[::2, ::2], 0.99)), 1e-7)
    for left, top, right, bottom in things:
        strength[max(0, int(top / 2)) : int(bottom / 2) + 1, max(0, int(left / 2)) : int(right / 2) + 1] = 0
    rows, columns = (min(most, length // 3) for most, length in zip(_CELLS, strength.shape, strict=True))
    high, wide = strength.shape[0] // rows, strength.shape[1] // columns
    blocks = strength[: rows * high, : columns * wide].reshape(rows, high, columns, wide).swapaxes(1, 2)
    cells = blocks.reshape(rows * columns, high * wide)
    best = cells.argmax(axis=1)
    strong = np.flatnonzero(cells[np.arange(len(cells)), best] > floor)
    row, column = np.divmod(strong, columns)
    down, right_in_cell = np.divmod(best[strong], wide)
    points = np.stack((column * wide + right_in_cell, row * high + down), axis=1)
    return np.asarray(points * 2 + 0.5, np.float32)


def _fit(corners: Vectors, arrived: Vectors, min_inliers: float) -> Matrix | None:
    """Fit a similarity, which few corners determine, and refine it to a homography where many agree."""
    similarity, marked = cv2.estimateAffinePartial2D(
        corners, arrived, method=cv2.RANSAC, ransacReprojThreshold=_DISTANCE, maxIters=_TRIES, confidence=0.999
    )
    if similarity is None or marked.mean() < min_inliers:
        return None
    matrix: Matrix = np.vstack((similarity, (0, 0, 1)))
    inliers: NDArray[np.bool_] = marked.ravel() > 0
    for _ in range(2):
        if inliers.sum() < _MIN_HOMOGRAPHY_CORNERS:
            break
        homography, _ = cv2.findHomography(corners[inliers], arrived[inliers], 0)
        if homography is None:  # OpenCV's annotation leaves this out.
            break  # type: ignore[unreachable]
        errors = cv2.perspectiveTransform(corners[None], homography)[0] - arrived
        explained = np.linalg.norm(errors, axis=1) < _DISTANCE
        if explained.sum() < inliers.sum():
            break
        matrix, inliers = np.asarray(homography, np.float64), explained
    return matrix


def _or_still(before: GrayImage, after: GrayImage, found: Matrix | None) -> Matrix | None:
    """Return STILL where more of the picture agrees with a still camera: all corners may lie on a thing.

    Every cell that shows a difference has one vote, so that a thing with much texture does not outvote its background.
    """
    still = cv2.absdiff(after, before)
    if found is None:
        return STILL if np.mean(still[::2, ::2] <= _EQUAL) >= _STILL_SHARE else None
    height, width = before.shape
    ends = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
    if np.linalg.norm(warp_points(ends, found) - ends, axis=1).max() < _STILL_CORNERS:
        return STILL
    moved = cv2.warpPerspective(before, found, (width, height), borderMode=cv2.BORDER_REPLICATE)
    size = _CELLS[1], _CELLS[0]
    by_still, by_found = (
        cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for each in (still, cv2.absdiff(after, moved))
    )
    better = by_still - by_found
    return found if np.count_nonzero(better > _VOTE) > np.count_nonzero(better < -_VOTE) else STILL
