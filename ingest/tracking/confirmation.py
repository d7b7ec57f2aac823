"""Confirm that two regions of a video show the same thing: the tracker leads back from the end to the start."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.model import Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.tracking.kcf import track_back

_NEAR = 0.3
"""Distance of the centers of two regions of one thing, as a share of the start's longer side."""
_MARGIN = 3
"""Side of what the tracker sees, as a multiple of the longer side of both regions."""
_MOST_STEPS = 16
"""Frames that the tracker sees at most."""


def same_thing(grays: Sequence[GrayImage], start: Region, end: Region, settings: MiningSettings) -> bool:
    """Return whether tracking back from `end` in the last image leads to `start` in the first.

    The tracker sees a window that goes straight from start to end. So a fast thing does not escape it, and what stands
    still runs away from it.
    """
    steps = np.linspace(0, len(grays) - 1, min(len(grays), _MOST_STEPS + 1)).round().astype(int)
    side = _MARGIN * max(start.width, start.height, end.width, end.height)
    first, last = _center(start), _center(end)
    centers = [np.rint(first + (last - first) * step / steps[-1]).astype(int) for step in steps]
    windows = [_window(grays[step], center, side) for step, center in zip(steps, centers, strict=True)]
    corner = centers[-1] - side // 2
    back = track_back(windows, Region(end.x - corner[0], end.y - corner[1], end.width, end.height), settings)
    if isinstance(back, Rejection):
        return False
    distance = _center(back) + centers[0] - side // 2 - first
    return float(np.linalg.norm(distance)) <= _NEAR * max(start.width, start.height)


def _center(region: Region) -> NDArray[np.float64]:
    return np.array((region.x + region.width / 2, region.y + region.height / 2))


def _window(gray: GrayImage, center: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Cut a square from a gray image, as BGR; beyond the image, its border is repeated."""
    left, top = (int(place) for place in center - side // 2)
    height, width = gray.shape
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    return np.asarray(cv2.cvtColor(gray[np.ix_(rows, columns)], cv2.COLOR_GRAY2BGR), np.uint8)
