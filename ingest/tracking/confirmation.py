"""Confirm that two regions of a video show the same thing: the tracker leads back from the end to the start."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import cv2
import numpy as np

from ingest.mining.motion import GrayImage
from ingest.model import Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.tracking.kcf import track_back

_NEAR = 0.5
"""Distance of the centers of two regions of one thing, as a share of the start's longer side."""


def same_thing(grays: Sequence[GrayImage], start: Region, end: Region, settings: MiningSettings) -> bool:
    """Return whether tracking back from `end` in the last image leads to `start` in the first."""
    back = track_back([np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8) for gray in grays], end, settings)
    if isinstance(back, Rejection):
        return False
    right = back.x + back.width / 2 - start.x - start.width / 2
    down = back.y + back.height / 2 - start.y - start.height / 2
    return hypot(right, down) <= _NEAR * max(start.width, start.height)
