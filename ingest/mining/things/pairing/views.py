"""Views of a thing: a box in one sample that shows it alone, whole, in the middle and in its usual size."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.association.thing import Extent, Thing
from ingest.mining.things.motion.samples import CELL, Cells, Sample
from ingest.mining.things.pairing.crowds import is_crowd
from ingest.mining.things.pairing.scene import Scene
from ingest.model import Box, Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

SETTLED = 3
"""Samples after which the size of a new thing is known."""
_LEAST_OF_BOX = 0.625
"""Smallest long side of a thing, as a share of the smallest box."""
_LARGE = 1.15
"""Long side of a thing, as a multiple of its box, from which it is larger than a box can be."""
_OFF_CENTER = 0.12
"""Largest distance of the thing from the middle of its box, as a share of the side."""
_FILL = 0.25
"""Share of its extent that a thing fills at least."""
_ALONE = 0.2
"""Largest share of other things' cells in the box, of the thing's own."""
_STEADY = 1.3
"""Largest ratio of the thing's size to its usual one."""
_WINDOW_FILL = 0.35
"""Share of a window that the thing fills at least."""
_PLATEAU = 0.97
"""Windows with this share of the best one's cells are as good; the one in their middle is taken."""
_HELD = 0.5
"""Share of the cells at the start that a carried box must hold at the end."""
_MOSTLY_INSIDE = 0.8
"""Share of the thing's cells at the end that a carried box must hold, unless it is a window."""


@dataclass(frozen=True, slots=True)
class View:
    """A box that shows a thing, or a window on a part of a large thing."""

    sample: Sample
    box: Box
    center: tuple[float, float]
    """Of what the box shows, work pixels."""
    region: Region
    """What the tracker follows, work pixels: nearly all of the cells."""
    cells: Cells
    """The cells of the thing in the box."""
    area: int
    """Cells of the whole thing."""
    way: NDArray[np.float64]
    path: float
    """Of the thing until now."""
    window: bool = False


class Viewer:
    """Finds views in frames of `width`×`height` pixels; a pixel is `scale` work pixels."""

    def __init__(self, width: int, height: int, scale: float, settings: MiningSettings) -> None:
        self._width, self._height, self._scale = width, height, scale
        self._short_side = min(width, height)
        self._window_side = round(self._short_side * settings.box_share)
        self._settings = settings

    def view(self, thing: Thing, scene: Scene, age: int) -> View | Rejection:
        """Return the view of the whole thing, or why it is not clean. `age` is the thing's, in samples."""
        if age < SETTLED:
            return Rejection.BRIEF
        extent = thing.usual_extent
        box, off = self._square(extent)
        long = extent.long / self._scale
        if long < _LEAST_OF_BOX * self._settings.thing_min_side:
            return Rejection.SMALL
        if long > _LARGE * box.side:
            return Rejection.LARGE
        if off > _OFF_CENTER or self._leaves_frame(extent):
            return Rejection.AT_BORDER
        if thing.fill < _FILL:
            return Rejection.THIN
        if self._others(box, scene, thing.group) > _ALONE * thing.area:
            return Rejection.CROWDED
        sizes = sorted((extent.long, thing.extent.long))
        if sizes[1] > _STEADY * sizes[0]:
            return Rejection.UNSTEADY
        if is_crowd(thing, scene.shown):
            return Rejection.CROWDED
        region = _region(thing.cells, scene.sample)
        return View(scene.sample, box, extent.center, region, thing.cells, thing.area, thing.way, thing.path)

    def window(self, thing: Thing, scene: Scene) -> View | None:
        """Return the fullest window of the paper's size on a thing that is larger, if one is full enough."""
        high, wide = scene.groups.labels.shape
        cells = max(1, int(self._window_side * self._scale / CELL))
        if cells > min(high, wide) or self._window_side < self._settings.thing_min_side:
            return None
        own = np.zeros((high, wide), np.uint8)
        own.ravel()[thing.cells] = 1
        total = cv2.integral(own)
        held = total[cells:, cells:] - total[:-cells, cells:] - total[cells:, :-cells] + total[:-cells, :-cells]
        best = int(held.max())
        if best < _WINDOW_FILL * cells**2:
            return None
        plateau = np.argwhere(held >= _PLATEAU * best)
        row, column = plateau[np.argmin(np.square(plateau - plateau.mean(axis=0)).sum(axis=1))]
        box = self._inside(column * CELL / self._scale, row * CELL / self._scale, self._window_side)
        if self._others(box, scene, thing.group) > _ALONE * best:
            return None
        center = (box.x + box.side / 2) * self._scale, (box.y + box.side / 2) * self._scale
        inside = self._cells_inside(thing, scene.sample, box)
        region = _region(inside, scene.sample)
        return View(scene.sample, box, center, region, inside, thing.area, thing.way, thing.path, window=True)

    def carried(self, start: View, shift: NDArray[np.float64], thing: Thing | None, scene: Scene) -> View | Rejection:
        """Return the box of a start after it moved by `shift` work pixels, or why it is not clean.

        `thing` is None where nothing is seen to move there any more.
        """
        side = start.box.side
        x, y = start.box.x + shift[0] / self._scale, start.box.y + shift[1] / self._scale
        box = self._inside(x, y, side)
        if max(abs(box.x - x), abs(box.y - y)) > _OFF_CENTER * side:
            return Rejection.LEFT_FRAME
        way, path = start.way, start.path
        if thing:
            held = len(self._cells_inside(thing, scene.sample, box))
            if held < _HELD * len(start.cells) or (not start.window and held < _MOSTLY_INSIDE * len(thing.cells)):
                return Rejection.NO_END
            way, path = thing.way, thing.path
        group = thing.group if thing else 0
        if (thing and thing.mixed) or self._others(box, scene, group) > _ALONE * len(start.cells):
            return Rejection.CROWDED
        right, down = float(shift[0]), float(shift[1])
        center = start.center[0] + right, start.center[1] + down
        region = start.region._replace(x=start.region.x + round(right), y=start.region.y + round(down))
        return View(scene.sample, box, center, region, start.cells, start.area, way, path, start.window)

    def _cells_inside(self, thing: Thing, sample: Sample, box: Box) -> Cells:
        rows, columns = np.divmod(thing.cells, sample.gray.shape[1] // CELL)
        x, y = columns * CELL / self._scale, rows * CELL / self._scale
        inside = (x >= box.x) & (x < box.x + box.side) & (y >= box.y) & (y < box.y + box.side)
        return thing.cells[inside]

    def _square(self, extent: Extent) -> tuple[Box, float]:
        """Return the box of an extent, inside the frame, and how far it is off the center, in sides."""
        long = extent.long / self._scale
        side = round(min(max(long * self._settings.thing_margin, self._settings.thing_min_side), self._short_side))
        x, y = (place / self._scale for place in extent.center)
        box = self._inside(x - side / 2, y - side / 2, side)
        return box, max(abs(box.x + side / 2 - x), abs(box.y + side / 2 - y)) / side

    def _inside(self, x: float, y: float, side: int) -> Box:
        return Box(min(max(0, round(x)), self._width - side), min(max(0, round(y)), self._height - side), side)

    def _leaves_frame(self, extent: Extent) -> bool:
        width, height = self._width * self._scale, self._height * self._scale
        return extent.left < 0 or extent.top < 0 or extent.right > width or extent.bottom > height

    def _others(self, box: Box, scene: Scene, group: int) -> int:
        """Return the number of cells in a box that move and belong to other groups."""
        cell = CELL / self._scale
        left, top = int(box.x / cell), int(box.y / cell)
        side = ceil(box.side / cell)
        inside = scene.groups.labels[top : top + side, left : left + side]
        return int(np.count_nonzero(scene.groups.moving[inside] & (inside != group)))


def _region(cells: Cells, sample: Sample) -> Region:
    """Return the rectangle of nearly all cells, in work pixels."""
    rows, columns = np.divmod(cells, sample.gray.shape[1] // CELL)
    (left, right), (top, bottom) = (np.quantile(places, (0.05, 0.95)).astype(int) for places in (columns, rows))
    width, height = (int(each + 1) * CELL for each in (right - left, bottom - top))
    return Region(int(left) * CELL, int(top) * CELL, width, height)
