"""A thing: cells that are carried from sample to sample, and what is known about them."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.motion.samples import CELL, Cells, Vectors
from ingest.rejections import Rejection

_MEMORY = 7
"""Samples whose median is the usual size of a thing."""
_TRIM, _TRIM_AT_BORDER = 0.25, 0.5
"""Rows and columns of cells at the ends of a thing with less than this share of its thickest are left out of its
extent: a shadow, a thin arm."""
_THICKEST = 0.1
"""Share of the rows or columns that are the thickest."""


class Extent(NamedTuple):
    """The rectangle of a thing in one sample, work pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def center(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def long(self) -> float:
        return max(self.width, self.height)

    def resized(self, width: float, height: float) -> Extent:
        x, y = self.center
        return Extent(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def shifted(self, right: float, down: float) -> Extent:
        return Extent(self.left + right, self.top + down, self.right + right, self.bottom + down)


class Thing:
    """Something that moves by itself, from its first sample to its last."""

    def __init__(self, number: int, born: int) -> None:
        self.number = number
        self.born = born
        """The sample it was first seen in, counted from the start of the shot."""
        self.cells: Cells = np.zeros(0, np.int64)
        self.moved_at: NDArray[np.float64] = np.zeros(0)
        """When each of the cells was last seen to move, seconds."""
        self.drift = np.zeros(2)
        """How far the cells flowed from the sample before, work pixels."""
        self.extents: deque[Extent] = deque(maxlen=_MEMORY)
        self.area = 0
        """Cells when it was last seen."""
        self.group = 0
        """Its group in this sample; 0 where it is not seen."""
        self.seen = 0.0
        """When it was last seen, seconds."""
        self.moving = False
        """Whether it is seen to move by itself in this sample."""
        self.mixed = False
        """Whether it is one with another thing in this sample."""
        self.clean = 0
        """Number of clean views."""
        self.way = np.zeros(2)
        """Sum of its motions without the camera's, and the sum of their lengths; work pixels."""
        self.path = 0.0
        self.unclean: Counter[Rejection] = Counter()
        """Why views of it were not clean."""

    @property
    def extent(self) -> Extent:
        return self.extents[-1]

    @property
    def usual_extent(self) -> Extent:
        """Where the thing is now, in its usual size of late."""
        widths, heights = (sorted(length) for length in zip(*((e.width, e.height) for e in self.extents), strict=True))
        middle = len(self.extents) // 2
        return self.extent.resized(widths[middle], heights[middle])

    @property
    def fill(self) -> float:
        """Share of the extent that the cells fill."""
        return self.area * CELL**2 / max(1.0, self.extent.width * self.extent.height)

    def carry(self, flow: Vectors, high: int, wide: int) -> None:
        """Move the cells to where they flow; those that leave the frame are dropped."""
        rows, columns = np.divmod(self.cells, wide)
        steps = flow[rows * CELL, columns * CELL]
        self.drift = steps.mean(axis=0) if len(steps) else np.zeros(2)
        columns = np.rint(columns + steps[:, 0] / CELL).astype(np.int64)
        rows = np.rint(rows + steps[:, 1] / CELL).astype(np.int64)
        inside = (rows >= 0) & (rows < high) & (columns >= 0) & (columns < wide)
        self.cells, self.moved_at = rows[inside] * wide + columns[inside], self.moved_at[inside]

    def coast(self) -> None:
        """Stay what it was, where its cells flowed."""
        self.group = 0
        self.moving = False
        self.extents.append(self.extent.shifted(*self.drift))

    def measure(self, high: int, wide: int) -> None:
        """Set area and extent from the cells."""
        rows, columns = np.divmod(self.cells, wide)
        left, right = _ends(columns, wide)
        top, bottom = _ends(rows, high)
        self.area = len(self.cells)
        self.extents.append(Extent(left, top, right, bottom))


def _ends(places: NDArray[np.int64], limit: int) -> tuple[float, float]:
    """Return the first and the last work pixel of rows or columns of cells; thin ends are left out."""
    first = int(places.min())
    thickness = np.bincount(places - first)
    count = len(thickness)
    thickest = np.sort(thickness)[-1 - int(count * _THICKEST)]
    trim = _TRIM_AT_BORDER if first <= 1 or first + count >= limit - 1 else _TRIM
    thick = np.flatnonzero(thickness >= trim * thickest)
    return float(CELL * (first + thick[0])), float(CELL * (first + thick[-1] + 1))
