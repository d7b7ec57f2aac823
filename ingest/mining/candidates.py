"""The first pass over a video: find the frames in which something moves by itself (Sec. 4.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.mining.frame_cache import FrameCache
from ingest.mining.motion import GrayFrame, MotionDetector
from ingest.mining.optical_flow import FlowDetector
from ingest.mining.trajectories import TrajectoryDetector
from ingest.model import Box, Candidate, Region
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.reader import Frame, VideoReader
from ingest.video.shot_boundaries import ShotBoundaryDetector

_MIN_SHORT_SIDE = 48
"""Shortest side of the small frames, pixels: OpenCV's DIS flow crashes the process on frames below 32."""


@dataclass(frozen=True, slots=True)
class _ShotFrame(GrayFrame):
    frame: Frame | None
    """The decoded frame, if the cache can keep it."""


class CandidateFinder:
    """Reads every frame, small and gray, and examines each `stride`-th; `track_frames` more of its shot must follow.

    Frames of candidates are given to the cache. `funnel` counts what became of each examined frame.
    """

    def __init__(self, reader: VideoReader, settings: MiningSettings, cache: FrameCache) -> None:
        self.funnel = Funnel()
        self._cache = cache
        self._reader = reader
        self._settings = settings
        short, long = sorted((reader.width, reader.height))
        self._scale = min(1.0, max(settings.work_side / long, _MIN_SHORT_SIDE / short))
        self._size = (round(reader.width * self._scale), round(reader.height * self._scale))
        self._box_side = round(min(reader.width, reader.height) * settings.box_share)
        detector = FlowDetector if settings.motion == "flow" else TrajectoryDetector
        self._detector: MotionDetector = detector(settings, *self._size, self._box_side * self._scale)
        self._boundaries = ShotBoundaryDetector(settings)
        self._shot: deque[_ShotFrame] = deque(maxlen=settings.track_frames + 1)
        """The latest frames of the current shot."""
        self.last_time = 0.0
        """Time of the latest frame, in seconds."""
        self._shot_start = 0

    def run(self) -> list[Candidate]:
        """Return all candidates, in order."""
        candidates = [candidate for frame in self._reader.frames() for candidate in self._process(frame)]
        self._reject_unexamined(Rejection.VIDEO_ENDED)
        self.funnel.corrupt = self._reader.corrupt
        self.funnel.candidates = len(candidates)
        return candidates

    def _process(self, frame: Frame) -> Iterator[Candidate]:
        """Add a frame to the shot, and examine the oldest frame of the shot once enough frames follow it."""
        gray = frame.scaled(*self._size, "gray")
        if self._boundaries.is_boundary(gray):
            self._reject_unexamined(Rejection.SHOT_CUT)
            self._shot.clear()
            self._shot_start = frame.index
        self._shot.append(_ShotFrame(frame.index, frame.time, gray, frame if self._cache.fits_a_track else None))
        self.funnel.frames += 1
        self.funnel.examined += self._on_stride(frame.index)
        self.last_time = frame.time
        oldest = self._shot[0]
        if len(self._shot) == self._shot.maxlen and self._on_stride(oldest.index):
            found = self._examine(oldest)
            if isinstance(found, Rejection):
                self.funnel.rejected[found] += 1
            else:
                self._cache.keep(found, [each.frame for each in self._shot if each.frame])
                yield found

    def _on_stride(self, index: int) -> bool:
        return index % self._settings.stride == 0

    def _reject_unexamined(self, reason: Rejection) -> None:
        """Reject the frames of the current shot that would be examined if the shot went on."""
        # Where the deque is full, its oldest frame was examined already.
        examined = 1 if len(self._shot) == self._shot.maxlen else 0
        if rejected := sum(self._on_stride(each.index) for each in list(self._shot)[examined:]):
            self.funnel.rejected[reason] += rejected

    def _examine(self, first: _ShotFrame) -> Candidate | Rejection:
        if self._box_side < self._settings.min_box_side:
            return Rejection.BOX_TOO_SMALL
        moving = self._detector.detect(self._shot)
        if isinstance(moving, Rejection):
            return moving
        side = self._box_side
        x, y = (round(corner / self._scale) for corner in (moving.x, moving.y))
        box = Box(min(x, self._reader.width - side), min(y, self._reader.height - side), side)
        core = Region(*(round(length / self._scale) for length in moving.core))
        return Candidate(first.index, box, core, moving.density, self._shot_start)
