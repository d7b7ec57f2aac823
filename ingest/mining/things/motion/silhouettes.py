"""Silhouettes: the cells of a sample that differ from the same place before and after, so that something passes there.

Comparing with the past alone would also show the background that a thing has just uncovered.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.motion.samples import CELL, STILL, Matrix, Sample
from ingest.settings import MiningSettings

REACHES = (0.32, 0.64)
"""Seconds to the samples before and after that a sample is compared with. The longer one shows slow things."""
_SLACK = np.ones((3, 3), np.uint8)
"""One work pixel of misalignment is forgiven where the camera moves."""
_BORDER = np.ones((5, 5), np.uint8)
"""What the other sample does not show is black after warping, and its border is dark."""
_NOISE = 3.0
"""A cell differs if it does so by this multiple of the median difference, too."""
_CLOSE = np.ones((3, 3), np.uint8)
"""Gaps of a cell are closed."""
_MOST = 0.6
"""Share of the cells from which no thing can be told: the light changes, or a shot fades into another."""


def silhouettes(shot: Sequence[Sample], at: int, settings: MiningSettings) -> NDArray[np.uint8]:
    """Return the cells of sample `at` that differ, h×w, 255 or 0; none where nothing can be compared."""
    past = [_before(shot, at, reach) for reach in REACHES]
    future = [_after(shot, at, reach) for reach in REACHES]
    if at in (past[0], future[0]):
        height, width = shot[at].soft.shape
        return np.zeros((height // CELL, width // CELL), np.uint8)
    before = _largest([_difference(shot, at, other) for other in sorted(set(past) - {at})])
    after = _largest([_difference(shot, at, other) for other in sorted(set(future) - {at})])
    both = cv2.min(before, after)
    height, width = both.shape
    cells = cv2.resize(both, (width // CELL, height // CELL), interpolation=cv2.INTER_AREA)
    level = max(settings.thing_min_difference, _NOISE * float(np.median(both[::4, ::4])))
    mask = cv2.morphologyEx(cv2.compare(cells, level, cv2.CMP_GT), cv2.MORPH_CLOSE, _CLOSE)  # type: ignore[call-overload]
    return np.zeros_like(mask) if np.mean(mask[::2, ::2] > 0) > _MOST else np.asarray(mask, np.uint8)


def between(shot: Sequence[Sample], source: int, target: int) -> Matrix | None:
    """Return the camera's matrix from sample `source` to sample `target`; None where it is unclear on the way."""
    matrix = STILL
    for sample in list(shot)[min(source, target) : max(source, target)]:
        if sample.camera is None:
            return None
        if sample.camera is not STILL:
            matrix = sample.camera @ matrix
    return np.asarray(np.linalg.inv(matrix), np.float64) if source > target and matrix is not STILL else matrix


def _before(shot: Sequence[Sample], at: int, reach: float) -> int:
    """Return the latest sample at least `reach` seconds before, or the first that the camera's motion leads to."""
    due = shot[at].time - reach + 1e-3
    other = at
    while other > 0 and shot[other].time > due and shot[other - 1].camera is not None:
        other -= 1
    return other


def _after(shot: Sequence[Sample], at: int, reach: float) -> int:
    due = shot[at].time + reach - 1e-3
    other = at
    while other < len(shot) - 1 and shot[other].time < due and shot[other].camera is not None:
        other += 1
    return other


def _largest(differences: list[GrayImage]) -> GrayImage:
    first, *others = differences
    for other in others:
        first = np.asarray(cv2.max(first, other), np.uint8)
    return first


def _difference(shot: Sequence[Sample], at: int, other: int) -> GrayImage:
    """Return how far each pixel is from what the other sample shows there; 0 where that one shows nothing."""
    here, there = shot[at].soft, shot[other].soft
    matrix = between(shot, other, at)
    if matrix is STILL or matrix is None:
        return np.asarray(cv2.absdiff(here, there), np.uint8)
    height, width = here.shape
    moved = cv2.warpPerspective(there, matrix, (width, height))
    unseen = cv2.dilate(cv2.compare(moved, 0, cv2.CMP_EQ), _BORDER)  # type: ignore[call-overload]
    brighter = cv2.subtract(here, cv2.dilate(moved, _SLACK))
    darker = cv2.subtract(cv2.erode(moved, _SLACK), here)
    return np.asarray(cv2.subtract(cv2.max(brighter, darker), unseen), np.uint8)
