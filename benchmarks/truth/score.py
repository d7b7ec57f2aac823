"""Compare what mining finds in a clip with its known objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.scenes import HEIGHT, WIDTH, Condition, Scene, VisibleObject
from ingest.miner import mine_video
from ingest.mining.motion import GrayFrame
from ingest.mining.optical_flow import FlowDetector
from ingest.mining.trajectories import TrajectoryDetector
from ingest.model import Box, MinedTrack, Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.video.reader import VideoReader

MIN_COVERED = 0.8
"""Share of an object from which a box covers it."""
MIN_OVERLAP = 0.5
"""Overlap (IoU) with the expected box from which the end of a track holds the object."""


@dataclass(frozen=True)
class TrackScore:
    """One track. `overlap` is 0 where the clip has no objects."""

    covered: float
    """Share of the object's bounding box inside the start's box; where the bounding box is larger than the box, the
    share of the box inside the bounding box."""
    overlap: float
    """IoU of the end's box with the start's box, shifted as the object moved and kept inside the frame."""
    start: int


@dataclass(frozen=True)
class ClipScore:
    """One clip."""

    condition: Condition
    background: str
    tracks: list[TrackScore]
    lost: Counter[Rejection]
    rejected: Counter[Rejection]
    seconds: float

    @property
    def found(self) -> bool:
        return any(track.covered >= MIN_COVERED for track in self.tracks)


@dataclass(frozen=True)
class PointCounts:
    """Counts of points: detected as moving, the correct ones among these, and all that lie on an object."""

    moving: int = 0
    correct: int = 0
    on_objects: int = 0

    def __add__(self, other: PointCounts) -> PointCounts:
        return PointCounts(self.moving + other.moving, self.correct + other.correct, self.on_objects + other.on_objects)


def score_clip(scene: Scene, path: Path, settings: MiningSettings) -> ClipScore:
    """Mine the clip at `path`, which the scene has written."""
    mined = mine_video(path, settings)
    tracks = [_score_track(scene, track) for track in mined.tracks]
    return ClipScore(scene.condition, scene.background, tracks, mined.lost, mined.funnel.rejected, mined.duration)


def _score_track(scene: Scene, track: MinedTrack) -> TrackScore:
    starts, ends = scene.objects(track.start.frame), scene.objects(track.end.frame)
    if not starts:
        return TrackScore(0.0, 0.0, track.start.frame)
    shares = [covered(track.start.box, visible) for visible in starts]
    best = int(np.argmax(shares))
    expected = _shifted(track.start.box, starts[best], ends[best])
    end = track.end.box
    overlap = Region(end.x, end.y, end.side, end.side).overlap(expected)
    return TrackScore(shares[best], overlap, track.start.frame)


def score_points(scene: Scene, path: Path, settings: MiningSettings) -> PointCounts:
    """Detect the moving points of every tenth frame of the clip; a rejected frame has none."""
    reader = VideoReader(path)
    scale = settings.width / WIDTH
    size = round(WIDTH * scale), round(HEIGHT * scale)
    shot = [GrayFrame(frame.index, frame.time, frame.scaled(*size, "gray")) for frame in reader.frames()]
    total = PointCounts()
    for first in range(0, len(shot) - settings.track_frames, 10):
        points, moving = _moving_points(shot[first:], settings, size)
        truth = np.zeros((HEIGHT, WIDTH), np.bool_)
        for visible in scene.objects(first):
            truth |= visible.mask
        columns, rows = np.minimum((points + 0.5) / scale, (WIDTH - 1, HEIGHT - 1)).astype(int).T
        on_object = truth[rows, columns]
        total += PointCounts(int(moving.sum()), int((moving & on_object).sum()), int(on_object.sum()))
    return total


def _moving_points(
    shot: Sequence[GrayFrame], settings: MiningSettings, size: tuple[int, int]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Return N×2 points (x, y) in work pixels, and which of them move."""
    if settings.motion == "trajectories":
        found = TrajectoryDetector(settings, *size, size[1] / 2).moving_points(shot)
        return (np.zeros((0, 2)), np.zeros(0, np.bool_)) if isinstance(found, Rejection) else found
    offset = settings.point_step // 2
    across, down = (np.arange(offset, length, settings.point_step) for length in size)
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(np.float32)
    mask = FlowDetector(settings, *size, size[1] / 2).moving_points(shot)
    return grid, np.zeros(len(grid), np.bool_) if isinstance(mask, Rejection) else mask.ravel()


def covered(box: Box, visible: VisibleObject) -> float:
    """Return the share of an object that a box covers: see `TrackScore.covered`."""
    x, y, width, height = visible.box
    across = min(box.x + box.side, x + width) - max(box.x, x)
    down = min(box.y + box.side, y + height) - max(box.y, y)
    return max(0, across) * max(0, down) / max(1, min(width * height, box.side**2))


def _shifted(box: Box, start: VisibleObject, end: VisibleObject) -> Region:
    """Shift the box as the object moved, and keep it inside the frame."""
    right, down = (round(after - before) for before, after in zip(start.center, end.center, strict=True))
    x = min(max(0, box.x + right), WIDTH - box.side)
    y = min(max(0, box.y + down), HEIGHT - box.side)
    return Region(x, y, box.side, box.side)
