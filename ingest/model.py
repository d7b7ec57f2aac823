"""The data of mining: boxes, candidates, and the tracks that are found in a video (Sec. 4.1, 4.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.rejections import Funnel, Rejection

FrameSignature: TypeAlias = NDArray[np.uint8]
"""A whole frame, scaled to a few gray pixels: `ingest.video.signatures` makes and compares them."""


@dataclass(frozen=True, slots=True)
class Box:
    """A square in a frame, in whole pixels of the upright frame; `x` and `y` are its top left corner."""

    x: int
    y: int
    side: int


class Region(NamedTuple):
    """A rectangle in whole pixels; it may reach beyond the frame."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height

    def overlap(self, other: Region) -> float:
        """Return the intersection over union."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        shared = max(0, width) * max(0, height)
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame in which something moves: a track could start here."""

    index: int
    """Number of the frame; only intact frames count, from 0."""
    box: Box
    core: Region
    """The part of the box that moves. The tracker follows the core; in the whole box it would follow the background."""
    motion: float
    """Share of the box's points that move."""
    shot: int = 0
    """Number of the first frame of the shot that the frame belongs to."""


@dataclass(frozen=True, slots=True)
class MinedPatch:
    """A crop of a frame. `time` is in seconds; `motion` is the candidate's, and 0 for the end of a track."""

    frame: int
    time: float
    box: Box
    motion: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class MinedTrack:
    """The first and the last patch of a track; `frame_jpeg` is the whole first frame, if it is kept."""

    start: MinedPatch
    end: MinedPatch
    # Left out of `==`, which arrays do not support. It is made from the same image as the start's JPEG.
    signature: FrameSignature = field(compare=False)
    frame_jpeg: bytes | None
    frames: int
    """Length of the track: frames from its start to its end."""
    shot: int
    """Number of the first frame of the shot in which the track starts."""
    thing: int | None = None
    """Number of the thing in its video, in order of first appearance; None where tracks are not assigned to things."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video. Neighbors overlap, but a track belongs to the one that its start lies in."""

    number: int
    """Counted from 0."""
    first: int
    """Number of the first frame that is read, a key frame. Segment 0 begins with frame 0."""
    begin: int
    end: int
    """Tracks may start from frame `begin` on and before frame `end`."""
    stamps: Sequence[int]
    """Time stamp of each frame that is read, in units of the stream."""
    origin: int
    """Time stamp of frame 0."""


@dataclass(frozen=True, slots=True)
class MiningTask:
    """A video to mine, or one of its segments."""

    path: Path
    segment: Segment | None = None
    segments: int = 1
    """Number of segments of the video."""


@dataclass(frozen=True, slots=True)
class MinedSegment:
    """A segment of a video, or a whole video, and its tracks in the order of their first frames."""

    path: Path
    first: int
    """Number of the first frame that was read."""
    frames: int
    """Frames of the video up to the end of the segment."""
    last_time: float
    """Time of the last frame that was read, in seconds."""
    rate: float
    """Frames a second, as the file states it."""
    width: int
    height: int
    tracks: list[MinedTrack]
    shots: list[int]
    """Numbers of the first frames of the shots, the first frame that was read included."""
    funnel: Funnel


@dataclass(frozen=True, slots=True)
class MinedVideo:
    """A video and its tracks, in the order of their first frames."""

    id: str
    uri: str
    fps: float
    width: int
    height: int
    frames: int
    duration: float
    """Seconds."""
    tracks: list[MinedTrack]
    funnel: Funnel

    @property
    def lost(self) -> Counter[Rejection]:
        """The number of lost tracks, by reason."""
        return self.funnel.lost
