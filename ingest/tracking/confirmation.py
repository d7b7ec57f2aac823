"""Confirm that two regions of a video show the same thing: the tracker leads back from the end to the start."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

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
_SIDE = 24
"""Side that the region is scaled down to, pixels: a yes or no needs less than an exact box."""
_MOST_STEPS = 12
"""Frames that the tracker sees at most."""


def same_thing(grays: Sequence[GrayImage], start: Region, end: Region, settings: MiningSettings) -> bool:
    """Return whether tracking back from `end` in the last image leads to `start` in the first.

    The tracker sees a window that goes straight from start to end. So a fast thing does not escape it, and what stands
    still runs away from it.
    """
    scale = min(1.0, _SIDE / sqrt(end.area))
    steps = np.linspace(0, len(grays) - 1, min(len(grays), _MOST_STEPS + 1)).round().astype(int)
    side = round(_MARGIN * scale * max(start.width, start.height, end.width, end.height))
    first, last = _center(start), _center(end)
    centers = [first + (last - first) * step / steps[-1] for step in steps]
    windows = [_window(grays[step], center, side, scale) for step, center in zip(steps, centers, strict=True)]
    width, height = max(1, round(end.width * scale)), max(1, round(end.height * scale))
    back = track_back(windows, Region((side - width) // 2, (side - height) // 2, width, height), settings)
    if isinstance(back, Rejection):
        return False
    distance = float(np.linalg.norm(_center(back) - side / 2)) / scale
    return distance <= _NEAR * max(start.width, start.height)


def _center(region: Region) -> NDArray[np.float64]:
    return np.array((region.x + region.width / 2, region.y + region.height / 2))


def _window(gray: GrayImage, center: NDArray[np.float64], side: int, scale: float) -> NDArray[np.uint8]:
    """Cut a square from a gray image reduced by `scale`, as BGR; beyond the image, its border is repeated."""
    matrix = np.array([[scale, 0, side / 2 - scale * center[0]], [0, scale, side / 2 - scale * center[1]]])
    if scale < 0.5:
        # The warp has no area filter, so the image is smoothed before.
        width = round(1 / scale)
        gray = np.asarray(cv2.blur(gray, (width, width)), np.uint8)
    window = cv2.warpAffine(gray, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(window, cv2.COLOR_GRAY2BGR), np.uint8)
