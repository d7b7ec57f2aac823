"""The first pass over a video: every frame, small and gray, in search of starts (Sec. 4.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.mining.motion import GrayFrame, MotionDetector
from ingest.mining.optical_flow import MotionJudge
from ingest.mining.trajectories import TrajectoryJudge
from ingest.model import Box, Candidate, Region
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.reader import Frame, VideoReader
from ingest.video.shot_boundaries import ShotBoundaryDetector

_SHORTEST = 48
"""Short side of the small frames at least, pixels: OpenCV's DIS flow crashes the process on frames below 32."""


def temporal_nms(candidates: Iterable[Candidate], taken: Sequence[int], settings: MiningSettings) -> list[Candidate]:
    """The strongest candidates at least `min_gap` frames from each other and from `taken`, `max_patches` with those."""
    chosen: list[Candidate] = []
    frames = list(taken)
    for candidate in sorted(candidates, key=lambda start: (-start.motion, start.index)):
        if len(frames) < settings.max_patches and all(abs(candidate.index - at) >= settings.min_gap for at in frames):
            chosen.append(candidate)
            frames.append(candidate.index)
    return chosen


@dataclass(frozen=True, slots=True)
class _Kept(GrayFrame):
    frame: Frame | None


class Memory(Protocol):
    """Where frames that may be wanted again are kept."""

    @property
    def holds_a_track(self) -> bool: ...

    def keep(self, candidate: Candidate, frames: Sequence[Frame]) -> None: ...


class CandidateFinder:
    """The first pass: judges every `stride`-th frame that has `track_frames` more of its shot behind it."""

    def __init__(self, reader: VideoReader, settings: MiningSettings, memory: Memory) -> None:
        self.funnel = Funnel()
        self._memory = memory
        self._reader = reader
        self._settings = settings
        short, long = sorted((reader.width, reader.height))
        self._scale = min(1.0, max(settings.work_side / long, _SHORTEST / short))
        self._size = (round(reader.width * self._scale), round(reader.height * self._scale))
        self._side = round(min(reader.width, reader.height) * settings.box_share)
        judge = MotionJudge if settings.motion == "flow" else TrajectoryJudge
        self._judge: MotionDetector = judge(settings, *self._size, self._side * self._scale)
        self._cuts = ShotBoundaryDetector(settings)
        self._shot: deque[_Kept] = deque(maxlen=settings.track_frames + 1)
        self._last = 0.0

    @property
    def fps(self) -> float:
        """Frames a second as measured: what files say of themselves is often wrong."""
        return (self.funnel.frames - 1) / self._last if self._last > 0 else self._reader.rate

    @property
    def duration(self) -> float:
        return self._last + 1 / self.fps

    def run(self) -> list[Candidate]:
        """All candidates, in order."""
        candidates = [start for frame in self._reader.frames() for start in self._see(frame)]
        self._give_up(Rejection.ENDED)
        self.funnel.corrupt = self._reader.corrupt
        self.funnel.candidates = len(candidates)
        return candidates

    def _see(self, frame: Frame) -> Iterator[Candidate]:
        gray = frame.scaled(*self._size, "gray")
        if self._cuts.begins(gray):
            self._give_up(Rejection.CUT)
            self._shot.clear()
        self._shot.append(_Kept(frame.index, frame.time, gray, frame if self._memory.holds_a_track else None))
        self.funnel.frames += 1
        self.funnel.judged += frame.index % self._settings.stride == 0
        self._last = frame.time
        oldest = self._shot[0]
        if len(self._shot) == self._shot.maxlen and oldest.index % self._settings.stride == 0:
            found = self._candidate(oldest)
            if isinstance(found, Rejection):
                self.funnel.rejected[found] += 1
            else:
                self._memory.keep(found, [seen.frame for seen in self._shot if seen.frame])
                yield found

    def _give_up(self, reason: Rejection) -> None:
        """Reject the frames of the shot so far that were not judged yet."""
        judged = len(self._shot) == self._shot.maxlen
        waiting = [seen for seen in self._shot if seen.index % self._settings.stride == 0]
        if rejected := len(waiting) - (judged and self._shot[0] in waiting):
            self.funnel.rejected[reason] += rejected

    def _candidate(self, first: _Kept) -> Candidate | Rejection:
        if self._side < self._settings.min_box_side:
            return Rejection.SMALL
        moving = self._judge.judge(self._shot)
        if isinstance(moving, Rejection):
            return moving
        x, y = (round(corner / self._scale) for corner in (moving.x, moving.y))
        box = Box(min(x, self._reader.width - self._side), min(y, self._reader.height - self._side), self._side)
        core = Region(*(round(length / self._scale) for length in moving.core))
        return Candidate(first.index, box, core, moving.density)
