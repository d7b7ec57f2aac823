"""TODO."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.rejections import Funnel, Rejection


@dataclass(frozen=True, slots=True)
class MinedPatch:
    """A crop: `time` in seconds, `box` in pixels of the frame as shown; `motion` is the share of a start's box that
    moves, and 0 for an end."""

    frame: int
    time: float
    box: Box
    motion: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class MinedTrack:
    """One thing seen twice, `track_frames` apart. Of the start's whole frame, `view` is small, `frame_jpeg` if kept."""

    start: MinedPatch
    end: MinedPatch
    # An array cannot be compared as the rest; it is small of the image that the JPEG of the start is cut from.
    view: FrameSignature = field(compare=False)
    frame_jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class MinedVideo:
    """A video and the tracks found in it, in order of their starts."""

    id: str
    uri: str
    fps: float
    width: int
    height: int
    frames: int
    duration: float
    tracks: list[MinedTrack]
    funnel: Funnel

    @property
    def candidates(self) -> int:
        return self.funnel.candidates

    @property
    def lost(self) -> Counter[Rejection]:
        """Tracks dropped, by reason."""
        return self.funnel.lost


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame with a moving box, in pixels of the frame as shown."""

    index: int
    box: Box
    core: Region
    """The part of the box that moves. The tracker follows it: in the whole box it would hold on to the background."""
    motion: float
    """Share of the box's points that move."""


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
        """Intersection over union."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        shared = max(0, width) * max(0, height)
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class Box:
    """A square of a frame, in whole pixels of the frame as shown; `x` and `y` are its top left corner."""

    x: int
    y: int
    side: int


FrameSignature: TypeAlias = NDArray[np.uint8]
