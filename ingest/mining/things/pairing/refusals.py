"""What moves and is no thing: what does not get on, waves, is fixed to the screen, or lets its background through."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.motion.samples import CELL, STILL, Matrix, Sample, warp_points
from ingest.mining.things.motion.silhouettes import REACHES, between
from ingest.mining.things.pairing.scene import Scene
from ingest.mining.things.pairing.views import View
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

_RESIZED, _RESIZED_AREA = 1.35, 2.0
"""Largest ratio of the boxes' sides and of the thing's areas at start and end."""
_STRAIGHT = 0.35
"""Smallest way of a thing as a share of its path: leaves wave, a mouth opens and closes."""
FIXED = 0.75
"""Work pixels that an overlay moves on the screen at most."""
_MIN_CONTRAST = 10.0
"""Standard deviation of a crop's gray levels at least."""
_SEEN_THROUGH = 0.8
"""Correlation with the background from which a thing does not hide it: a shadow or a spot of light."""
_FINE = (9, 9)
"""Work pixels around a pixel whose mean is taken off, so that texture is left."""


def refusal(start: View, end: View, settings: MiningSettings) -> Rejection | None:
    """Return why the way from start to end is not that of a thing, or None."""
    if is_resized(start, end):
        return Rejection.RESIZED
    seconds = end.sample.time - start.sample.time
    if _travel(start, end) < settings.min_travel * settings.min_speed * max(start.sample.gray.shape) * seconds:
        return Rejection.DID_NOT_TRAVEL
    way = float(np.linalg.norm(end.way - start.way))
    return Rejection.WAVING if way < _STRAIGHT * (end.path - start.path) else None


def is_resized(start: View, end: View) -> bool:
    sides = sorted((start.box.side, end.box.side))
    areas = sorted((start.area, end.area))
    return sides[1] > _RESIZED * sides[0] or (not start.window and areas[1] > _RESIZED_AREA * areas[0])


def is_plain(crop: NDArray[np.uint8]) -> bool:
    """Return whether a BGR crop shows too little to be described."""
    return float(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).std()) < _MIN_CONTRAST


def hides_background(view: View, scene: Scene) -> bool:
    """Return whether the view's cells differ in texture from the same place before the thing came, or after it left."""
    here = _texture(view, scene.sample, STILL)
    return any(_correlation(view, here, scene, step) < _SEEN_THROUGH for step in (-1, 1))


def _travel(start: View, end: View) -> float:
    """Return how far the end is from where the camera's motion alone takes the start, work pixels."""
    camera = STILL
    if start.sample.pose is not end.sample.pose:
        camera = np.asarray(end.sample.pose @ np.linalg.inv(start.sample.pose))
    by_camera = warp_points(np.array([start.center], np.float64), camera)[0]
    return float(np.linalg.norm(np.array(end.center) - by_camera))


def _correlation(view: View, here: NDArray[np.float32], scene: Scene, step: int) -> float:
    """Return the correlation of the view's texture with that of its place some samples before or after."""
    shot, at, other = scene.shot, scene.at, scene.at
    while 0 <= other + step < len(shot) and abs(shot[other].time - scene.sample.time) < REACHES[-1] - 1e-3:
        other += step
    matrix = between(shot, other, at)
    if matrix is None or other == at:
        return 0.0
    there = _texture(view, shot[other], matrix)
    scale = float(np.sqrt((here**2).mean() * (there**2).mean()))
    return float((here * there).mean()) / scale if scale > 1.0 else 0.0


def _texture(view: View, sample: Sample, matrix: Matrix) -> NDArray[np.float32]:
    """Return the texture of a sample, moved by the camera's matrix, at the cells of a view."""
    height, width = sample.gray.shape
    gray = sample.gray
    if matrix is not STILL:
        gray = np.asarray(cv2.warpPerspective(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    rows, columns = (places * CELL for places in np.divmod(view.cells, width // CELL))
    top, left = int(rows.min()), int(columns.min())
    part = gray[top : int(rows.max()) + CELL, left : int(columns.max()) + CELL].astype(np.float32)
    return np.asarray((part - cv2.blur(part, _FINE))[rows - top, columns - left], np.float32)
