"""What moves and is no thing: text, overlays, shadows, what waves, what does not get on."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.samples import CELL, STILL, Sample, warp_points
from ingest.mining.things.silhouettes import REACHES, between
from ingest.mining.things.views import View
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

_RESIZED, _RESIZED_AREA = 1.35, 2.0
"""Largest ratio of the boxes' sides and of the thing's areas at start and end."""
_STRAIGHT = 0.35
"""Smallest way of a thing as a share of its path: leaves wave, a mouth opens and closes."""
_FIXED = 0.75
"""Work pixels that an overlay moves on the screen at most."""
_MIN_CONTRAST = 10.0
"""Standard deviation of a crop's gray levels at least."""
_SEEN_THROUGH = 0.8
"""Correlation with the background from which a thing does not hide it."""


def refusal(start: View, end: View, settings: MiningSettings) -> Rejection | None:
    """Return why the way from start to end is none of a thing, or None."""
    if max(start.box.side, end.box.side) > _RESIZED * min(start.box.side, end.box.side):
        return Rejection.RESIZED
    if max(start.area, end.area) > _RESIZED_AREA * min(start.area, end.area):
        return Rejection.RESIZED
    height, width = start.sample.gray.shape
    seconds = end.sample.time - start.sample.time
    at = np.array([start.center], np.float32)
    by_camera = warp_points(at, _between(start.sample, end.sample))[0]
    traveled = float(np.linalg.norm(np.array(end.center) - by_camera))
    if traveled < settings.min_travel * settings.min_speed * max(height, width) * seconds:
        return Rejection.BACKGROUND
    way = float(np.linalg.norm(end.way - start.way))
    if way < _STRAIGHT * (end.path - start.path):
        return Rejection.WAVING
    if float(np.linalg.norm(np.array(end.center) - at[0])) < _FIXED:
        return Rejection.FIXED_TO_SCREEN
    return None


def _between(start: Sample, end: Sample) -> NDArray[np.float64]:
    if start.pose is end.pose:
        return STILL
    return np.asarray(end.pose @ np.linalg.inv(start.pose))


def is_plain(crop: NDArray[np.uint8]) -> bool:
    """Return whether a BGR crop shows too little to be described."""
    return float(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).std()) < _MIN_CONTRAST


def hides_background(view: View, shot: Sequence[Sample], at: int) -> bool:
    """Return whether a thing hides what is behind it: a shadow or a spot of light changes it, and leaves its texture.

    The thing's cells are compared with the same place before it came and after it left.
    """
    here = _patch(view, shot[at].gray, STILL)
    if here is None:
        return True
    return any(_correlation(view, here, shot, at, sign) < _SEEN_THROUGH for sign in (-1, 1))


def _correlation(view: View, here: NDArray[np.float32], shot: Sequence[Sample], at: int, sign: int) -> float:
    due = REACHES[-1]
    other = at
    while 0 <= other + sign < len(shot) and abs(shot[other].time - shot[at].time) < due - 1e-3:
        other += sign
    matrix = between(shot, other, at)
    there = None if matrix is None or other == at else _patch(view, shot[other].gray, matrix)
    if there is None:
        return 0.0
    scale = float(np.sqrt((here**2).mean() * (there**2).mean()))
    return float((here * there).mean()) / scale if scale > 1.0 else 0.0


def _patch(view: View, gray: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return the fine texture of a gray image at the cells of a view: each work pixel less the mean around it."""
    height, width = gray.shape
    if matrix is not STILL:
        gray = np.asarray(cv2.warpPerspective(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    rows, columns = np.divmod(view.cells, width // CELL)
    if not len(rows):
        return None
    top, left = int(rows.min()) * CELL, int(columns.min()) * CELL
    part = gray[top : int(rows.max()) * CELL + CELL, left : int(columns.max()) * CELL + CELL].astype(np.float32)
    fine = part - cv2.blur(part, (9, 9))
    return np.asarray(fine[rows * CELL - top, columns * CELL - left], np.float32)
