"""Where a box goes: KCF forwards, and back again to see that it held on (Sec. 4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.errors import WrongOpenCV
from ingest.model import Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.tracking.ego_motion import own_steps


def require_tracker() -> None:
    """Raises WrongOpenCV where a build without contrib modules is installed, or was installed over it."""
    if not hasattr(cv2, "TrackerKCF"):
        raise WrongOpenCV(getattr(cv2, "__version__", "damaged"))


def follow(
    frames: Sequence[NDArray[np.uint8]], region: Region, settings: MiningSettings, least: float = 0.0
) -> Region | Rejection:
    """Where `region` of the first frame (H×W×3 BGR) lies in the last, or why it is lost.

    A tracker that slid off to something else seldom finds its way back, so it must. One that holds on to the
    background does, so the region must also get `least` pixels away at some time from where the camera took it, and
    go on by itself at the end.
    """
    scale = min(1.0, settings.region_side / sqrt(region.area))
    smalls = [_scaled(frame, scale) for frame in frames]
    start = _fast(_inside(Region(*(round(length * scale) for length in region)), smalls[0]), smalls[0])
    path = _tracked(smalls, start, settings)
    if isinstance(path, Rejection):
        return path
    end = path[-1]
    if still := _still(frames, path, scale, least, settings):
        return still
    back = _tracked(smalls[::-1], _inside(end, smalls[-1]), settings)
    if isinstance(back, Rejection) or back[-1].overlap(start) < settings.min_return_iou:
        return Rejection.DRIFTED
    right, down = round((end.x - start.x) / scale), round((end.y - start.y) / scale)
    return Region(region.x + right, region.y + down, region.width, region.height)


def _still(
    frames: Sequence[NDArray[np.uint8]], path: Sequence[Region], scale: float, least: float, settings: MiningSettings
) -> Rejection | None:
    """Whether the path, in pixels of frames reduced by `scale`, or its end goes the camera's way.

    The end is the last third, and must get a third as far.
    """
    steps = own_steps(frames, np.array(path) / scale, settings)
    if np.linalg.norm(np.cumsum(steps, axis=0), axis=1).max() < least:
        return Rejection.HELD
    last = steps[-max(1, round(len(steps) / 3)) :]
    return Rejection.STOPPED if np.linalg.norm(last.sum(axis=0)) < least / 3 else None


def _scaled(frame: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return frame
    height, width = frame.shape[:2]
    size = (round(width * scale), round(height * scale))
    return cast(NDArray[np.uint8], cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def _tracked(frames: Iterable[NDArray[np.uint8]], region: Region, settings: MiningSettings) -> list[Region] | Rejection:
    """Where the region lies in each frame."""
    first, *rest = frames
    tracker = _tracker(settings.min_response)
    tracker.init(first, region)
    # The first update never looks, it returns the region of init: spent here, no later one lags a frame behind.
    tracker.update(first)
    path = [region]
    for frame in rest:
        found, seen = tracker.update(frame)
        # After a failure KCF may find the region again at its old place: the first failure is final.
        if not found:
            return Rejection.TRACKER
        visible = Region(*seen)
        if visible.area < settings.min_visible * region.area:
            return Rejection.LEFT
        path.append(_unclipped(visible, region))
    return path


def _tracker(min_response: float) -> cv2.TrackerKCF:
    parameters = cv2.TrackerKCF.Params()
    parameters.detect_thresh = min_response
    return cv2.TrackerKCF.create(parameters)


def _unclipped(visible: Region, region: Region) -> Region:
    """KCF cuts off what reaches beyond the frame; on the left and at the top that moves the corner."""
    x = visible.x - (region.width - visible.width if visible.x <= 0 else 0)
    y = visible.y - (region.height - visible.height if visible.y <= 0 else 0)
    return Region(x, y, region.width, region.height)


def _fast(region: Region, frame: NDArray[np.uint8]) -> Region:
    """The region, grown a little to sides that Fourier transforms are fast at: others take KCF up to twice as long."""
    height, width = frame.shape[:2]
    columns = min(cv2.getOptimalDFTSize(region.width), width)
    rows = min(cv2.getOptimalDFTSize(region.height), height)
    x = min(max(0, region.x - (columns - region.width) // 2), width - columns)
    y = min(max(0, region.y - (rows - region.height) // 2), height - rows)
    return Region(x, y, columns, rows)


def _inside(region: Region, frame: NDArray[np.uint8]) -> Region:
    height, width = frame.shape[:2]
    x, y = max(0, region.x), max(0, region.y)
    return Region(x, y, min(region.x + region.width, width) - x, min(region.y + region.height, height) - y)
