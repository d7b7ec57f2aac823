"""Views of a thing: a box in one sample that shows it alone, whole, in the middle and in its usual size."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.crowds import is_crowd
from ingest.mining.things.fragments import Groups
from ingest.mining.things.samples import CELL, Cells, Sample, Vectors, flow_at
from ingest.mining.things.thing import Extent, Thing
from ingest.model import Box
from ingest.rejections import Rejection
from ingest.settings import MiningSettings

_SETTLED = 3
"""Samples after which the size of a new thing is known."""
_LEAST_OF_BOX = 0.625
"""Smallest long side of a thing, as a share of the smallest box."""
_LARGE = 1.15
"""Long side of a thing, as a multiple of its box, from which it is larger than a box can be."""
_OFF_CENTER = 0.12
"""Largest distance of the thing from the middle of its box, as a share of the side."""
_FILL = 0.25
_ALONE = 0.2
"""Largest share of other things' cells in the box, of the thing's own."""
_STEADY = 1.3
"""Largest ratio of the thing's size to its usual one."""
_WINDOW_FILL = 0.35
_PLATEAU = 0.97
"""Windows with this share of the best one's cells are as good; the one in their middle is taken."""
_WINDOW_LEFT = 0.6
"""Share of a window's fill that it must have at the end of a track."""
_POINTS = 400


@dataclass(frozen=True, slots=True)
class View:
    """A box that shows a thing, or a window on a part of a large thing."""

    sample: Sample
    box: Box
    center: tuple[float, float]
    """Of what the box shows, work pixels."""
    area: float
    """Cells of the thing."""
    cells: Cells
    """The cells of the thing in the box."""
    renewals: int
    way: NDArray[np.float64]
    path: float
    window: bool = False


class Viewer:
    """Cuts views in frames of `width`×`height` pixels; a work pixel is 1 / `scale` of these."""

    def __init__(self, width: int, height: int, scale: float, settings: MiningSettings) -> None:
        self._width, self._height, self._scale = width, height, scale
        self._short_side = min(width, height)
        self._window_side = round(self._short_side * settings.box_share)
        self._settings = settings

    def view(
        self, thing: Thing, sample: Sample, groups: Groups, shown: GrayImage, samples: int
    ) -> View | Rejection:
        """Return the view of the whole thing, or why it is not clean.

        `shown` is 255 where the sample shows the background, H×W. `samples` counts the samples of the shot.
        """
        if samples - thing.born < _SETTLED:
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
        if self._others(box, groups, thing) > _ALONE * thing.area:
            return Rejection.CROWDED
        sizes = sorted((extent.long, thing.extent.long))
        if sizes[1] > _STEADY * sizes[0]:
            return Rejection.UNSTEADY
        if is_crowd(thing, shown):
            return Rejection.CROWDED
        return self._view(thing, sample, box, extent.center, thing.area, thing.cells)

    def window(self, thing: Thing, sample: Sample, groups: Groups) -> View | None:
        """Return the fullest window of the paper's size on a thing that is larger, if one is full enough."""
        cells = max(1, int(self._window_side * self._scale / CELL))
        if cells > min(groups.labels.shape) or self._window_side < self._settings.thing_min_side:
            return None
        own = np.zeros(groups.labels.shape, np.uint8)
        own.ravel()[thing.cells] = 1
        total = cv2.integral(own)
        held = total[cells:, cells:] - total[:-cells, cells:] - total[cells:, :-cells] + total[:-cells, :-cells]
        best = int(held.max())
        if best < _WINDOW_FILL * cells**2:
            return None
        plateau = np.argwhere(held >= _PLATEAU * best)
        row, column = plateau[np.argmin(np.square(plateau - plateau.mean(axis=0)).sum(axis=1))]
        box = self._inside(column * CELL / self._scale, row * CELL / self._scale, self._window_side)
        if self._others(box, groups, thing) > _ALONE * best:
            return None
        return self._window_view(thing, sample, box)

    def moved_window(
        self, start: View, shift: NDArray[np.float64], thing: Thing, sample: Sample, groups: Groups
    ) -> View | Rejection:
        """Return the window of a start after its points moved by `shift` work pixels, or why it is not clean."""
        side = start.box.side
        x, y = start.box.x + shift[0] / self._scale, start.box.y + shift[1] / self._scale
        box = self._inside(x, y, side)
        if max(abs(box.x - x), abs(box.y - y)) > _OFF_CENTER * side:
            return Rejection.LEFT_FRAME
        view = self._window_view(thing, sample, box)
        if len(view.cells) < _WINDOW_LEFT * _WINDOW_FILL * (side * self._scale / CELL) ** 2:
            return Rejection.NO_END
        if self._others(box, groups, thing) > _ALONE * len(view.cells):
            return Rejection.CROWDED
        return view

    def _window_view(self, thing: Thing, sample: Sample, box: Box) -> View:
        rows, columns = np.divmod(thing.cells, sample.gray.shape[1] // CELL)
        x, y = columns * CELL / self._scale, rows * CELL / self._scale
        inside = (x >= box.x) & (x < box.x + box.side) & (y >= box.y) & (y < box.y + box.side)
        center = (box.x + box.side / 2) * self._scale, (box.y + box.side / 2) * self._scale
        return self._view(thing, sample, box, center, 1.0, thing.cells[inside], window=True)

    def _view(
        self,
        thing: Thing,
        sample: Sample,
        box: Box,
        center: tuple[float, float],
        area: float,
        cells: Cells,
        window: bool = False,
    ) -> View:
        return View(sample, box, center, area, cells, thing.renewals, thing.way, thing.path, window)

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

    def _others(self, box: Box, groups: Groups, thing: Thing) -> int:
        """Return the number of cells in a box that move and belong to other groups."""
        cell = CELL / self._scale
        left, top = int(box.x / cell), int(box.y / cell)
        side = ceil(box.side / cell)
        inside = groups.labels[top : top + side, left : left + side]
        return int(np.count_nonzero(groups.moving[inside] & (inside != thing.group)))


class Points:
    """Points of a window that go where they flow: they tell where the window is at the end of its track."""

    def __init__(self, cells: Cells, wide: int) -> None:
        rows, columns = np.divmod(cells[:: max(1, len(cells) // _POINTS)], wide)
        self._first: Vectors = np.stack((columns, rows), axis=1).astype(np.float32) * CELL
        self._now = self._first

    def carry(self, flow: Vectors) -> None:
        self._now = self._now + flow_at(flow, self._now)

    @property
    def shift(self) -> NDArray[np.float64]:
        """How far they went, work pixels: the median."""
        return np.asarray(np.median(self._now - self._first, axis=0), np.float64)
