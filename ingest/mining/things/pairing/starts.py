"""Views that wait to become the start of a track, and the starts that a thing has had."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.motion.samples import CELL, Cells, Vectors, flow_at
from ingest.mining.things.pairing.views import View
from ingest.model import FrameSignature, MinedPatch
from ingest.settings import MiningSettings
from ingest.video.crops import frame_jpeg
from ingest.video.signatures import frame_signature

_POINTS = 400
_MINUTE = 60.0
_LOOK_SIDE = 32
_HOG = cv2.HOGDescriptor((_LOOK_SIDE, _LOOK_SIDE), (16, 16), (8, 8), (8, 8), 9)

Look = NDArray[np.float32]
"""The outlines of a crop, as a vector of length 1."""


def look_of(crop: NDArray[np.uint8]) -> Look:
    small = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (_LOOK_SIDE, _LOOK_SIDE), interpolation=cv2.INTER_AREA)
    values = np.asarray(_HOG.compute(small), np.float32).ravel()
    return np.asarray(values / max(1e-6, float(np.linalg.norm(values))), np.float32)


class Points:
    """Points of a view that go where they flow: they tell where its box is at the end of the track."""

    def __init__(self, cells: Cells, wide: int) -> None:
        rows, columns = np.divmod(cells[:: max(1, len(cells) // _POINTS)], wide)
        self._first: Vectors = np.stack((columns, rows), axis=1).astype(np.float32) * CELL
        self._now = self._first

    def carry(self, flow: Vectors) -> None:
        self._now = self._now + flow_at(flow, self._now)

    @property
    def shift(self) -> NDArray[np.float64]:
        """How far they went, work pixels: the median."""
        return np.asarray(np.median(self._now - self._first, axis=0), np.float64)


@dataclass(eq=False, slots=True)
class Start:
    """A view that may become the start of tracks. Its pixels are cut at once, so that its frame can be released."""

    view: View
    patch: MinedPatch
    look: Look
    reduced: NDArray[np.uint8]
    """The whole frame in the size that is kept; it is shared by the starts in one frame."""
    shot: int
    points: Points
    accepted: bool = False
    _frame_jpeg: bytes | None = None

    def frame_jpeg(self, settings: MiningSettings) -> bytes | None:
        """Return the whole frame, if it is kept."""
        if settings.frames and self._frame_jpeg is None:
            self._frame_jpeg = frame_jpeg(self.reduced, settings)
        return self._frame_jpeg

    @property
    def signature(self) -> FrameSignature:
        return frame_signature(self.reduced)


@dataclass(slots=True)
class Starts:
    """The starts of one thing."""

    waiting: list[Start] = field(default_factory=list)
    accepted: list[tuple[float, Look]] = field(default_factory=list)
    """Time and look of the starts of the last minute."""
    last_tried: float = -np.inf

    def rests(self, time: float, settings: MiningSettings) -> bool:
        """Return whether a start at this time would be too near to another one, or one too many."""
        recent = [at for at, _ in self.accepted if time - at < _MINUTE]
        near = any(abs(time - at) < settings.thing_rest - 1e-3 for at in recent)
        return near or len(recent) >= settings.thing_starts

    def is_new(self, look: Look, settings: MiningSettings) -> bool:
        """Return whether a view looks different from the accepted starts."""
        return all(1 - float(look @ other) >= settings.thing_view_change for _, other in self.accepted)

    def accept(self, start: Start, settings: MiningSettings) -> None:
        """Note an accepted start; others that are too near to it, or look alike, need not wait."""
        time = start.view.sample.time
        start.accepted = True
        self.accepted = [(at, look) for at, look in self.accepted if time - at < _MINUTE]
        self.accepted.append((time, start.look))
        self.waiting = [
            each
            for each in self.waiting
            if each.accepted or (not self.rests(each.view.sample.time, settings) and self.is_new(each.look, settings))
        ]
