"""Tell two things side by side from one thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.association.thing import Thing
from ingest.mining.things.motion.samples import CELL

_MIN_PART = 0.25
"""Share of the pixels that each of two things has at least."""
_VALLEY = 0.3
"""Thickness between two things at most, as a share of the thinner one's."""
_SHOWN = 0.5
"""Share of the background in the valley between two things at least. A thing of one color has a hole in it, too."""
_PEAK = 0.75
"""Smallest height of both peaks, as a share of the whole height."""
_DIP = 0.12
"""Depth between the peaks of two things at least, as a share of the whole height, as between two heads."""


def is_crowd(thing: Thing, shown: GrayImage) -> bool:
    """Return whether a thing is two things; `shown` is 255 where a sample shows the background."""
    inside, background = _cut(thing, shown)
    if not inside.any():
        return False
    return _has_two_peaks(inside) or _has_gap(inside, background) or _has_gap(inside.T, background.T)


def _cut(thing: Thing, shown: GrayImage) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the pixels of the thing, and those of the background, in the thing's extent."""
    height, width = shown.shape
    cells = np.zeros((height // CELL, width // CELL), np.bool_)
    cells.ravel()[thing.cells] = True
    left, top, right, bottom = (int(place) for place in thing.extent)
    rows, columns = slice(max(0, top), bottom), slice(max(0, left), right)
    background = shown[rows, columns] > 0
    whole = cells.repeat(CELL, axis=0).repeat(CELL, axis=1)[rows, columns]
    background = background[: whole.shape[0], : whole.shape[1]]
    return whole & ~background, background


def _inner(thickness: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the columns with a large part of the pixels on either side."""
    share = np.cumsum(thickness) / thickness.sum()
    return np.flatnonzero((share >= _MIN_PART) & (share - thickness / thickness.sum() <= 1 - _MIN_PART))


def _has_two_peaks(inside: NDArray[np.bool_]) -> bool:
    """Return whether the upper outline has two high peaks with a dip between them."""
    height = len(inside)
    tops = np.where(inside.any(axis=0), height - inside.argmax(axis=0), 0)
    from_left, from_right = np.maximum.accumulate(tops), np.maximum.accumulate(tops[::-1])[::-1]
    inner = _inner(inside.sum(axis=0))
    peaks = np.minimum(from_left, from_right)[inner]
    return bool(np.any((peaks >= _PEAK * height) & (peaks - tops[inner] >= _DIP * height)))


def _has_gap(inside: NDArray[np.bool_], background: NDArray[np.bool_]) -> bool:
    """Return whether a column between two parts is thin, and the background is visible there."""
    thickness = inside.sum(axis=0)
    inner = _inner(thickness)
    if not len(inner):
        return False
    valley = inner[np.argmin(thickness[inner])]
    peak = min(thickness[: valley + 1].max(), thickness[valley:].max())
    return bool(thickness[valley] <= _VALLEY * peak and background[:, valley].mean() >= _SHOWN)
