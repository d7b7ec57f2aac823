"""Track a region with KCF, forward and then backward, to check that the tracker stayed with it (Sec. 4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.errors import IngestError
from ingest.model import Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.tracking.ego_motion import compensated_steps


def require_tracker() -> None:
    """Raise IngestError unless the installed OpenCV was built with the contrib modules, which hold KCF."""
    if not hasattr(cv2, "TrackerKCF"):
        version = getattr(cv2, "__version__", "damaged")
        raise IngestError(
            f"The installed OpenCV ({version}) has no KCF tracker: another opencv package overwrote the contrib one. "
            "Uninstall every opencv-* package, then install opencv-contrib-python-headless alone."
        )


def track_region(
    frames: Sequence[NDArray[np.uint8]], region: Region, settings: MiningSettings, min_distance: float = 0.0
) -> Region | Rejection:
    """Return where `region` of the first frame (H×W×3 BGR) lies in the last, or the reason why it is lost.

    Tracking backward from the end must lead back to the start: a tracker that drifted to something else seldom returns.
    A tracker that stays on the background does return. Therefore, the region must also move `min_distance` pixels away
    from where the camera's motion takes it, and it must still move at the end.
    """
    scale = min(1.0, settings.region_side / sqrt(region.area))
    small = [_reduce(frame, scale) for frame in frames]
    start = _grow_to_fast_size(_clip(Region(*(round(length * scale) for length in region)), small[0]), small[0])
    path = _track(small, start, settings)
    if isinstance(path, Rejection):
        return path
    end = path[-1]
    if rejection := _check_motion(frames, np.array(path) / scale, min_distance, settings):
        return rejection
    back = _track(small[::-1], _clip(end, small[-1]), settings)
    if isinstance(back, Rejection) or back[-1].overlap(start) < settings.min_return_iou:
        return Rejection.DRIFTED
    right, down = round((end.x - start.x) / scale), round((end.y - start.y) / scale)
    return Region(region.x + right, region.y + down, region.width, region.height)


def track_back(frames: Sequence[NDArray[np.uint8]], region: Region, settings: MiningSettings) -> Region | Rejection:
    """Return where `region` of the last frame (H×W×3 BGR) lies in the first, or the reason why it is lost."""
    scale = min(1.0, settings.region_side / sqrt(region.area))
    small = [_reduce(frame, scale) for frame in reversed(frames)]
    first = _clip(Region(*(round(length * scale) for length in region)), small[0])
    path = _track(small, _grow_to_fast_size(first, small[0]), settings)
    if isinstance(path, Rejection):
        return path
    right, down = path[-1].x - path[0].x, path[-1].y - path[0].y
    return Region(region.x + round(right / scale), region.y + round(down / scale), region.width, region.height)


def _check_motion(
    frames: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float64], min_distance: float, settings: MiningSettings
) -> Rejection | None:
    """Reject a track that moves less than `min_distance` by itself, or less than a third of that in its last third."""
    steps = compensated_steps(frames, boxes, settings)
    if np.linalg.norm(np.cumsum(steps, axis=0), axis=1).max() < min_distance:
        return Rejection.BACKGROUND
    last_third = steps[-max(1, round(len(steps) / 3)) :]
    return Rejection.STOPPED if np.linalg.norm(last_third.sum(axis=0)) < min_distance / 3 else None


def _reduce(frame: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return frame
    height, width = frame.shape[:2]
    size = (round(width * scale), round(height * scale))
    return cast(NDArray[np.uint8], cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def _track(frames: Iterable[NDArray[np.uint8]], region: Region, settings: MiningSettings) -> list[Region] | Rejection:
    """Return the region in each frame, or the reason why it is lost."""
    first, *rest = frames
    tracker = _create_tracker(settings.min_response)
    tracker.init(first, region)
    # The first update returns the region of `init` unseen. After this call, no update lags a frame behind.
    tracker.update(first)
    path = [region]
    for frame in rest:
        found, box = tracker.update(frame)
        # The first failure is final: after it, KCF may find the region again at its old position.
        if not found:
            return Rejection.TRACKER_LOST
        visible = Region(*box)
        if visible.area < settings.min_visible * region.area:
            return Rejection.LEFT_FRAME
        path.append(_unclip(visible, region))
    return path


def _create_tracker(min_response: float) -> cv2.TrackerKCF:
    parameters = cv2.TrackerKCF.Params()
    parameters.detect_thresh = min_response
    return cv2.TrackerKCF.create(parameters)


def _unclip(visible: Region, region: Region) -> Region:
    """Restore the size of a region that KCF clipped at the frame's border; left and top clipping moved its corner."""
    x = visible.x - (region.width - visible.width if visible.x <= 0 else 0)
    y = visible.y - (region.height - visible.height if visible.y <= 0 else 0)
    return Region(x, y, region.width, region.height)


def _grow_to_fast_size(region: Region, frame: NDArray[np.uint8]) -> Region:
    """Grow the region to the next sides with a fast Fourier transform; with others, KCF takes up to twice as long."""
    height, width = frame.shape[:2]
    columns = min(cv2.getOptimalDFTSize(region.width), width)
    rows = min(cv2.getOptimalDFTSize(region.height), height)
    x = min(max(0, region.x - (columns - region.width) // 2), width - columns)
    y = min(max(0, region.y - (rows - region.height) // 2), height - rows)
    return Region(x, y, columns, rows)


def _clip(region: Region, frame: NDArray[np.uint8]) -> Region:
    """Cut off what lies beyond the frame."""
    height, width = frame.shape[:2]
    x, y = max(0, region.x), max(0, region.y)
    return Region(x, y, min(region.x + region.width, width) - x, min(region.y + region.height, height) - y)
