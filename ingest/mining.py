"""A video in, tracks out: where something moves by itself, and what it looks like some frames later (Sec. 4.1, 4.3).

Two passes keep memory bounded whatever the video. The first sees every frame small and gray, and finds starts;
the second decodes only around them, in color.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from ingest.crops import Box, crop_jpeg, frame_jpeg
from ingest.funnel import Funnel, Reason
from ingest.motion import Gray, MotionJudge
from ingest.settings import MiningSettings
from ingest.shots import CutDetector
from ingest.tracking import BoxTracker, require_tracker
from ingest.videos import Frame, VideoReader, video_id


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
    """One thing seen twice, `track_frames` apart; `frame_jpeg` is the whole frame of the start, if kept."""

    start: MinedPatch
    end: MinedPatch
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
    def lost(self) -> Counter[Reason]:
        """Tracks dropped, by reason."""
        return self.funnel.lost


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame of the first pass."""

    index: int
    time: float
    gray: Gray


@dataclass(frozen=True, slots=True)
class _Start:
    index: int
    box: Box
    motion: float


def mine_video(path: Path, settings: MiningSettings, *, threads: int = 1) -> MinedVideo:
    """Mine one file; `threads` decode it. The same file and settings give the same bytes.

    Raises UnreadableVideo, WrongOpenCV.
    """
    require_tracker()
    # Videos are mined side by side, in processes: threads inside one would only get into each other's way.
    cv2.setNumThreads(1)
    name = video_id(path)
    reader = VideoReader(path, threads=threads)
    survey = _Survey(reader, settings)
    starts = _thinned(survey.run(), settings)
    funnel = survey.funnel
    funnel.starts = len(starts)
    tracks = _followed(reader, starts, settings, funnel)
    funnel.tracks = len(tracks)
    return MinedVideo(
        id=name,
        uri=path.resolve().as_uri(),
        fps=survey.fps,
        width=reader.width,
        height=reader.height,
        frames=funnel.frames,
        duration=survey.duration,
        tracks=tracks,
        funnel=funnel,
    )


class _Survey:
    """The first pass: judges every `stride`-th frame that has `track_frames` more of its shot behind it."""

    def __init__(self, reader: VideoReader, settings: MiningSettings) -> None:
        self.funnel = Funnel()
        self._reader = reader
        self._settings = settings
        self._scale = min(1.0, settings.width / max(reader.width, reader.height))
        self._size = (max(1, round(reader.width * self._scale)), max(1, round(reader.height * self._scale)))
        self._side = round(min(reader.width, reader.height) * settings.box_share)
        self._judge = MotionJudge(settings, *self._size, self._side * self._scale)
        self._cuts = CutDetector(settings)
        self._shot: deque[_Seen] = deque(maxlen=settings.track_frames + 1)
        self._last = 0.0

    @property
    def fps(self) -> float:
        """Frames a second as measured: what files say of themselves is often wrong."""
        return (self.funnel.frames - 1) / self._last if self._last > 0 else self._reader.rate

    @property
    def duration(self) -> float:
        return self._last + 1 / self.fps

    def run(self) -> list[_Start]:
        """All candidates, in order."""
        candidates = [start for frame in self._reader.frames() for start in self._see(frame)]
        self._give_up(Reason.ENDED)
        self.funnel.corrupt = self._reader.corrupt
        self.funnel.candidates = len(candidates)
        return candidates

    def _see(self, frame: Frame) -> Iterator[_Start]:
        gray = frame.scaled(*self._size, "gray")
        if self._cuts.begins(gray):
            self._give_up(Reason.CUT)
            self._shot.clear()
        self._shot.append(_Seen(frame.index, frame.time, gray))
        self.funnel.frames += 1
        self.funnel.judged += frame.index % self._settings.stride == 0
        self._last = frame.time
        oldest = self._shot[0]
        if len(self._shot) == self._shot.maxlen and oldest.index % self._settings.stride == 0:
            found = self._candidate(oldest)
            if isinstance(found, Reason):
                self.funnel.rejected[found] += 1
            else:
                yield found

    def _give_up(self, reason: Reason) -> None:
        """Reject the frames of the shot so far that were not judged yet."""
        judged = len(self._shot) == self._shot.maxlen
        waiting = [seen for seen in self._shot if seen.index % self._settings.stride == 0]
        if rejected := len(waiting) - (judged and self._shot[0] in waiting):
            self.funnel.rejected[reason] += rejected

    def _candidate(self, first: _Seen) -> _Start | Reason:
        if self._side < self._settings.min_side:
            return Reason.SMALL
        second = self._after(first)
        third = self._after(second)
        moving = self._judge.judge(
            (first.gray, second.gray, third.gray), (second.time - first.time, third.time - second.time)
        )
        if isinstance(moving, Reason):
            return moving
        x, y = (round(corner / self._scale) for corner in (moving.x, moving.y))
        box = Box(min(x, self._reader.width - self._side), min(y, self._reader.height - self._side), self._side)
        return _Start(first.index, box, moving.density)

    def _after(self, seen: _Seen) -> _Seen:
        """The first frame at least `pair_seconds` later, or the last there is."""
        due = seen.time + self._settings.pair_seconds - 1e-3
        return next((later for later in self._shot if later.time >= due), self._shot[-1])


def _thinned(candidates: Sequence[_Start], settings: MiningSettings) -> list[_Start]:
    """The strongest candidates at least `gap` frames apart, `max_patches` at most, in order of time."""
    kept: list[_Start] = []
    for candidate in sorted(candidates, key=lambda start: (-start.motion, start.index)):
        if len(kept) == settings.max_patches:
            break
        if all(abs(candidate.index - other.index) >= settings.gap for other in kept):
            kept.append(candidate)
    return sorted(kept, key=lambda start: start.index)


class _Follower:
    """One start on its way to the end of its track."""

    def __init__(self, frame: Frame, start: _Start, size: tuple[int, int], settings: MiningSettings) -> None:
        self._settings = settings
        self._end = start.index + settings.track_frames
        self._tracker = BoxTracker(frame.scaled(*size), start.box, size[0] / frame.video.width)
        image = frame.image
        self._start = MinedPatch(
            start.index, frame.time, start.box, start.motion, crop_jpeg(image, start.box, settings)
        )
        self._frame = frame_jpeg(image, settings) if settings.frames else None

    def follow(self, frame: Frame, size: tuple[int, int]) -> MinedTrack | Reason | None:
        """The track if this frame ends it, why it is lost, or nothing yet."""
        box = self._tracker.follow(frame.scaled(*size))
        if isinstance(box, Reason) or frame.index < self._end:
            return box if isinstance(box, Reason) else None
        end = MinedPatch(frame.index, frame.time, box, 0.0, crop_jpeg(frame.image, box, self._settings))
        return MinedTrack(self._start, end, self._frame)


def _followed(
    reader: VideoReader, starts: Sequence[_Start], settings: MiningSettings, funnel: Funnel
) -> list[MinedTrack]:
    """The second pass: the starts whose box is found again in each of the `track_frames` frames after them."""
    scale = min(1.0, settings.track_side / min(reader.width, reader.height))
    size = (round(reader.width * scale), round(reader.height * scale))
    by_index = {start.index: start for start in starts}
    following: list[_Follower] = []
    tracks: list[MinedTrack] = []
    for frame in reader.windows([(start.index, start.index + settings.track_frames) for start in starts]):
        outcomes = [(follower, follower.follow(frame, size)) for follower in following]
        tracks += [outcome for _, outcome in outcomes if isinstance(outcome, MinedTrack)]
        funnel.lost.update(outcome for _, outcome in outcomes if isinstance(outcome, Reason))
        following = [follower for follower, outcome in outcomes if outcome is None]
        if start := by_index.get(frame.index):
            following.append(_Follower(frame, start, size, settings))
    if following:
        funnel.lost[Reason.ENDED] += len(following)
    return tracks
