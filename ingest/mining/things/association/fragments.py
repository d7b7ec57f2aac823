"""Fragments of silhouettes, and the groups of near fragments that move alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.motion.samples import CELL, STILL, Cells, Matrix, Vectors, warp_points

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MIN_CELLS = 3
_MOST_FRAGMENTS = 120
_GAP, _GAP_EQUAL = 0.15, 0.06
"""Gap between fragments of one group, as a share of the larger group's long side; less where both are of like size,
because these are often two things."""
_LIKE_SIZE = 0.5
_ALIKE = 0.4
"""Fragments of a group differ in motion by this share of the faster one's, or by _ALIKE_SPEED."""
_ALIKE_SPEED = 0.01
MIN_SPEED = 0.02
"""Smallest speed of a moving group, long sides of the frame per second."""
_CAMERA_SHARE = 0.1
"""The smallest speed grows by this share of the camera's: its motion is not exact, and the background is not flat."""
_MIN_ALONG = 0.5
"""Share of a moving group's cells that move by themselves."""
_MIN_AGREEMENT = 0.5
"""Length of a moving group's mean motion, as a share of its cells' mean length: what trembles has no mean motion."""
_MIN_AREA, _MIN_AREA_MOVING_CAMERA = 0.0006, 0.002
"""Smallest area of a moving group, as a share of the frame."""


@dataclass(frozen=True, slots=True)
class Fragments:
    """Connected cells. Number 0 is what belongs to no fragment."""

    labels: NDArray[np.int32]
    """h×w: the fragment of each cell."""
    boxes: NDArray[np.int32]
    """Left, top, width, height and area, in cells; one row a fragment."""
    cells: Cells
    """All cells of fragments."""
    label: NDArray[np.int32]
    """The fragment of each of `cells`."""
    motion: Vectors
    """The motion of each of `cells` until the next sample, without the camera's; work pixels."""
    camera: Floats | None
    """How far the camera's motion takes each of `cells`; None where the camera stands still."""

    def means(self, values: NDArray[np.floating], label: NDArray[np.integer], count: int) -> Floats:
        """Return the mean of a value of each of `cells`, by label."""
        number = np.maximum(np.bincount(label, minlength=count), 1)
        return np.asarray(np.bincount(label, values, count) / number)


@dataclass(frozen=True, slots=True)
class Groups:
    """Fragments that belong together. Number 0 is what belongs to no group."""

    labels: NDArray[np.int32]
    """h×w: the group of each cell."""
    areas: Integers
    """Cells of each group; 0 for number 0."""
    motion: Floats
    """Mean motion of each group until the next sample, without the camera's; work pixels."""
    moving: NDArray[np.bool_]
    """Which groups move by themselves as a whole."""

    def cells(self, number: int) -> Cells:
        return np.flatnonzero(self.labels.ravel() == number)


def find_fragments(mask: NDArray[np.uint8], flow: Vectors, camera: Matrix | None) -> Fragments:
    """Return the connected parts of a mask, h×w, and how their cells move."""
    _, found, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    labels, boxes = np.asarray(found, np.int32), np.asarray(stats, np.int32)
    height, width = mask.shape
    cells = np.flatnonzero(labels.ravel())
    motion = flow[: CELL * height : CELL, : CELL * width : CELL].reshape(-1, 2)[cells]
    went = None
    if camera is not STILL and camera is not None:
        places = cell_places(cells, width)
        by_camera = warp_points(places, camera) - places
        motion = motion - by_camera
        went = np.hypot(by_camera[:, 0], by_camera[:, 1])
    return Fragments(labels, boxes, cells, labels.ravel()[cells], np.asarray(motion, np.float32), went)


def cell_places(cells: Cells, width: int) -> Vectors:
    """Return the work pixels of cells, N×2; `width` is in cells."""
    rows, columns = np.divmod(cells, width)
    return np.stack((columns * CELL, rows * CELL), axis=1).astype(np.float32)


def group_fragments(fragments: Fragments, owners: NDArray[np.int32], seconds: float) -> Groups:
    """Join fragments that are near and move alike, unless they belong to different known things.

    `owners` is the thing of each fragment, 0 where none is known. `seconds` is the time until the next sample.
    """
    high, wide = fragments.labels.shape
    long_side = CELL * max(high, wide)
    of_fragment = _joined(fragments, owners, _ALIKE_SPEED * long_side * seconds)
    count = int(of_fragment.max(initial=0)) + 1
    label = of_fragment[fragments.label]
    x, y = fragments.motion[:, 0], fragments.motion[:, 1]
    length = np.hypot(x, y)
    motion = np.stack([fragments.means(part, label, count) for part in (x, y)], axis=1)
    least = np.full(count, MIN_SPEED * long_side * seconds)
    if fragments.camera is not None:
        least += _CAMERA_SHARE * fragments.means(fragments.camera, label, count)
    along = fragments.means((length > least[label]).astype(np.float64), label, count)
    mean_length = np.hypot(motion[:, 0], motion[:, 1])
    areas = np.bincount(label, minlength=count)
    areas[0] = 0
    min_area = (_MIN_AREA if fragments.camera is None else _MIN_AREA_MOVING_CAMERA) * high * wide
    moving = (areas >= min_area) & (along >= _MIN_ALONG) & (mean_length > least)
    moving &= mean_length >= _MIN_AGREEMENT * fragments.means(length, label, count)
    return Groups(of_fragment[fragments.labels].astype(np.int32), areas, motion, moving)


def _joined(fragments: Fragments, owners: NDArray[np.int32], alike: float) -> NDArray[np.int32]:
    """Return the group of each fragment; 0 for what is too small."""
    count = len(fragments.boxes)
    groups = np.zeros(count, np.int32)
    areas = fragments.boxes[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = np.flatnonzero(areas >= _MIN_CELLS)
    kept = kept[np.argsort(-areas[kept], kind="stable")][:_MOST_FRAGMENTS]
    if not len(kept):
        return groups
    motion = np.stack(
        [fragments.means(fragments.motion[:, axis], fragments.label, count)[kept] for axis in (0, 1)], axis=1
    )
    corner, size = fragments.boxes[kept, :2].astype(float), fragments.boxes[kept, 2:4]
    parts = _Parts(corner, corner + size, motion, areas[kept].astype(float), owners[kept])
    group = np.arange(len(kept))
    for _ in range(3):
        joined = parts.merged(group).join(alike)
        if (joined == np.arange(len(joined))).all():
            break
        group = np.unique(joined[group], return_inverse=True)[1].ravel()
    groups[kept] = group + 1
    return groups


@dataclass(frozen=True, slots=True)
class _Parts:
    """Fragments, or groups of them, one row each."""

    low: Floats
    """Left and top, in cells."""
    high: Floats
    motion: Floats
    area: Floats
    owner: NDArray[np.int32]

    def merged(self, group: Integers) -> _Parts:
        """Return the parts of each group as one."""
        count = int(group.max()) + 1
        low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
        np.minimum.at(low, group, self.low)
        np.maximum.at(high, group, self.high)
        owner = np.zeros(count, np.int32)
        np.maximum.at(owner, group, self.owner)
        area = np.asarray(np.bincount(group, self.area, count), np.float64)
        motion = np.stack([np.bincount(group, self.motion[:, axis] * self.area, count) for axis in (0, 1)], axis=1)
        return _Parts(low, high, motion / area[:, None], area, owner)

    def join(self, alike: float) -> Integers:
        """Return for each part the largest near part that moves alike, or itself."""
        number = np.arange(len(self.area))
        order = np.argsort(-self.area, kind="stable")
        rank = np.empty_like(number)
        rank[order] = number
        best = np.where(self._linked(alike), rank[None], len(number)).min(axis=1)
        to = np.where(best < rank, order[np.minimum(best, len(number) - 1)], number)
        for _ in range(4):
            to = to[to]
        return np.asarray(to)

    def _linked(self, alike: float) -> NDArray[np.bool_]:
        apart = np.maximum(self.low[:, None] - self.high[None], self.low[None] - self.high[:, None]).max(axis=-1)
        size = (self.high - self.low).max(axis=1)
        larger = np.maximum(size[:, None], size[None])
        areas = np.minimum(self.area[:, None], self.area[None]), np.maximum(self.area[:, None], self.area[None])
        gap = np.where(areas[0] > _LIKE_SIZE * areas[1], _GAP_EQUAL, _GAP) * larger
        speed = np.hypot(self.motion[:, 0], self.motion[:, 1])
        difference = np.linalg.norm(self.motion[:, None] - self.motion[None], axis=-1)
        allowed = np.maximum(_ALIKE * np.maximum(speed[:, None], speed[None]), alike)
        owned = (self.owner[:, None] > 0) & (self.owner[None] > 0)
        linked = (apart <= gap) & (difference <= allowed) & ~(owned & (self.owner[:, None] != self.owner[None]))
        np.fill_diagonal(linked, False)
        return np.asarray(linked)
