"""What mining made of a clip, beside the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.scenes import HEIGHT, WIDTH, Condition, Scene, Shown
from ingest.miner import mine_video
from ingest.mining.motion import GrayFrame
from ingest.mining.optical_flow import MotionJudge
from ingest.mining.trajectories import TrajectoryJudge
from ingest.model import Box, MinedTrack, Region
from ingest.rejections import Rejection
from ingest.settings import MiningSettings
from ingest.video.reader import VideoReader

COVERED = 0.8
"""Share of an object that its box covers at least."""
HELD = 0.5
"""Overlap of an end's box with where the object took the start's box, at least."""


@dataclass(frozen=True)
class Mark:
    """One kept track. A box that covers no object enough has no end to hold."""

    covered: float
    """Share of the object's bounding box that lies in the start's box; for an object whose bounding box is larger than
    the box, the share of the box that lies on it."""
    overlap: float
    """IoU of the end's box with the start's box moved as the object moved, kept inside the frame."""
    start: int


@dataclass(frozen=True)
class Scored:
    """One clip."""

    condition: Condition
    background: str
    marks: list[Mark]
    lost: Counter[Rejection]
    rejected: Counter[Rejection]
    seconds: float

    @property
    def found(self) -> bool:
        return any(mark.covered >= COVERED for mark in self.marks)


@dataclass(frozen=True)
class Points:
    """How many points of some frames were told to move, how many of these lie on an object, and how many lie there."""

    moving: int = 0
    right: int = 0
    on_objects: int = 0

    def __add__(self, other: Points) -> Points:
        return Points(self.moving + other.moving, self.right + other.right, self.on_objects + other.on_objects)


def score(scene: Scene, path: Path, settings: MiningSettings) -> Scored:
    """Mine the clip at `path`, which was written by the scene."""
    mined = mine_video(path, settings)
    marks = [_mark(scene, track) for track in mined.tracks]
    return Scored(scene.condition, scene.background, marks, mined.lost, mined.funnel.rejected, mined.duration)


def _mark(scene: Scene, track: MinedTrack) -> Mark:
    starts, ends = scene.objects(track.start.frame), scene.objects(track.end.frame)
    if not starts:
        return Mark(0.0, 0.0, track.start.frame)
    shares = [covered(track.start.box, seen) for seen in starts]
    which = int(np.argmax(shares))
    moved = _moved(track.start.box, starts[which], ends[which])
    end = track.end.box
    overlap = Region(end.x, end.y, end.side, end.side).overlap(moved)
    return Mark(shares[which], overlap, track.start.frame)


def score_points(scene: Scene, path: Path, settings: MiningSettings) -> Points:
    """Judge the points of every tenth frame of the clip; frames without an answer have none that move."""
    reader = VideoReader(path)
    scale = settings.work_side / WIDTH
    size = round(WIDTH * scale), round(HEIGHT * scale)
    shot = [GrayFrame(frame.index, frame.time, frame.scaled(*size, "gray")) for frame in reader.frames()]
    total = Points()
    for first in range(0, len(shot) - settings.track_frames, 10):
        points, moving = _judged(shot[first:], settings, size)
        truth = np.zeros((HEIGHT, WIDTH), np.bool_)
        for seen in scene.objects(first):
            truth |= seen.mask
        columns, rows = np.minimum((points + 0.5) / scale, (WIDTH - 1, HEIGHT - 1)).astype(int).T
        there = truth[rows, columns]
        total += Points(int(moving.sum()), int((moving & there).sum()), int(there.sum()))
    return total


def _judged(
    shot: Sequence[GrayFrame], settings: MiningSettings, size: tuple[int, int]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """N×2 points (x, y) in work pixels, and which of them move."""
    if settings.motion == "trajectories":
        found = TrajectoryJudge(settings, *size, size[1] / 2).points(shot)
        return (np.zeros((0, 2)), np.zeros(0, np.bool_)) if isinstance(found, Rejection) else found
    offset = settings.point_step // 2
    across, down = (np.arange(offset, length, settings.point_step) for length in size)
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(np.float32)
    mask = MotionJudge(settings, *size, size[1] / 2).points(shot)
    return grid, np.zeros(len(grid), np.bool_) if isinstance(mask, Rejection) else mask.ravel()


def covered(box: Box, seen: Shown) -> float:
    x, y, width, height = seen.box
    across = min(box.x + box.side, x + width) - max(box.x, x)
    down = min(box.y + box.side, y + height) - max(box.y, y)
    return max(0, across) * max(0, down) / max(1, min(width * height, box.side**2))


def _moved(box: Box, start: Shown, end: Shown) -> Region:
    right, down = (round(after - before) for before, after in zip(start.center, end.center, strict=True))
    x = min(max(0, box.x + right), WIDTH - box.side)
    y = min(max(0, box.y + down), HEIGHT - box.side)
    return Region(x, y, box.side, box.side)
