"""A video in, tracks out: where something moves by itself, and what it looks like some frames later (Sec. 4.1, 4.3).

Two passes keep memory bounded whatever the video. The first sees every frame small and gray, and finds starts;
the second sees only the frames around them, in color: those that the first kept, and others decoded again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.clustering.near_duplicates import View, view_of
from ingest.video.crops import Box, crop_jpeg, frame_jpeg
from ingest.rejections import Funnel, Reason
from ingest.mining.frame_cache import Recall
from ingest.settings import MiningSettings
from ingest.mining.candidates import Candidate, Survey, strongest
from ingest.tracking.kcf import Region, follow, require_tracker
from ingest.video.reader import Frame, VideoReader, video_id


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
    view: View = field(compare=False)
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


def mine_video(path: Path, settings: MiningSettings, *, threads: int = 1) -> MinedVideo:
    """Mine one file; `threads` decode it. The same file and settings give the same bytes.

    Raises UnreadableVideo, WrongOpenCV.
    """
    require_tracker()
    # Videos are mined side by side, in processes: threads inside one would only get into each other's way.
    cv2.setNumThreads(1)
    name = video_id(path)
    reader = VideoReader(path, threads=threads)
    recall = Recall(reader, settings)
    survey = Survey(reader, settings, recall)
    candidates = survey.run()
    tracks = _tracks(recall, candidates, settings, survey.funnel)
    return MinedVideo(
        id=name,
        uri=path.resolve().as_uri(),
        fps=survey.fps,
        width=reader.width,
        height=reader.height,
        frames=survey.funnel.frames,
        duration=survey.duration,
        tracks=tracks,
        funnel=survey.funnel,
    )


def _tracks(
    recall: Recall, candidates: Sequence[Candidate], settings: MiningSettings, funnel: Funnel
) -> list[MinedTrack]:
    """Tracks of the best candidates, in order; others take the place of those that are lost."""
    tracks: list[MinedTrack] = []
    untried = set(candidates)
    for _ in range(settings.attempts):
        starts = strongest(untried, [track.start.frame for track in tracks], settings)
        if not starts:
            break
        untried -= set(starts)
        tracks += _followed(recall, starts, settings, funnel)
        funnel.starts += len(starts)
    funnel.tracks = len(tracks)
    return sorted(tracks, key=lambda track: track.start.frame)


def _followed(
    recall: Recall, starts: Sequence[Candidate], settings: MiningSettings, funnel: Funnel
) -> Iterator[MinedTrack]:
    """The second pass: sees the frames of the tracks, and yields those that are followed to their end."""
    reader = recall.reader
    scale = min(1.0, settings.track_side / min(reader.width, reader.height))
    size = (round(reader.width * scale), round(reader.height * scale))
    by_index = {start.index: start for start in starts}
    open_tracks: list[_OpenTrack] = []
    for frame in recall.windows([(start.index, start.index + settings.track_frames) for start in starts]):
        small = frame.scaled(*size)
        if start := by_index.get(frame.index):
            open_tracks.append(_OpenTrack(frame, start, scale, settings))
        for track in open_tracks:
            track.smalls.append(small)
        if open_tracks and len(open_tracks[0].smalls) > settings.track_frames:
            outcome = open_tracks.pop(0).close(frame)
            if isinstance(outcome, MinedTrack):
                yield outcome
            else:
                funnel.lost[outcome] += 1
    if open_tracks:
        funnel.lost[Reason.ENDED] += len(open_tracks)


class _OpenTrack:
    """A start, and the small frames since."""

    def __init__(self, frame: Frame, start: Candidate, scale: float, settings: MiningSettings) -> None:
        image = frame.image
        self.smalls: list[NDArray[np.uint8]] = []
        self._box = start.box
        self._core = start.core
        self._scale = scale
        self._settings = settings
        self._start = MinedPatch(
            start.index, frame.time, start.box, start.motion, crop_jpeg(image, start.box, settings)
        )
        self._view = view_of(image)
        self._frame_jpeg = frame_jpeg(image, settings) if settings.frames else None

    def close(self, frame: Frame) -> MinedTrack | Reason:
        """The track that ends at this frame, or why there is none."""
        region = self._region()
        found = follow(self.smalls, region, self._settings, self._least_travel(frame.time))
        if isinstance(found, Reason):
            return found
        box = _moved(self._box, found.x - region.x, found.y - region.y, self._scale, frame.video)
        end = MinedPatch(frame.index, frame.time, box, 0.0, crop_jpeg(frame.image, box, self._settings))
        return MinedTrack(self._start, end, self._view, self._frame_jpeg)

    def _least_travel(self, until: float) -> float:
        """How far what moves gets at least, in the tracker's pixels."""
        height, width = self.smalls[0].shape[:2]
        speed: float = self._settings.min_speed * max(height, width)
        return self._settings.min_travel * speed * (until - self._start.time)

    def _region(self) -> Region:
        """The core in the tracker's pixels, grown to where there is enough of it to follow."""
        height, width = self.smalls[0].shape[:2]
        least = self._box.side * self._scale * self._settings.min_region
        x, columns = _span(self._core.x * self._scale, self._core.width * self._scale, least, width)
        y, rows = _span(self._core.y * self._scale, self._core.height * self._scale, least, height)
        return Region(x, y, columns, rows)


def _span(start: float, length: float, least: float, limit: int) -> tuple[int, int]:
    """Start and length of a stretch grown about its middle to `least`, inside [0, `limit`)."""
    grown = min(max(length, least), limit)
    rounded = round(grown)
    return min(max(0, round(start - (grown - length) / 2)), limit - rounded), rounded


def _moved(box: Box, right: int, down: int, scale: float, video: VideoReader) -> Box:
    """The box after a shift in the tracker's pixels; what would reach beyond the frame is pushed back inside."""
    x = min(max(0, box.x + round(right / scale)), video.width - box.side)
    y = min(max(0, box.y + round(down / scale)), video.height - box.side)
    return Box(x, y, box.side)
