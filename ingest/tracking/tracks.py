"""TODO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.mining.candidates import temporal_nms
from ingest.mining.frame_cache import FrameCache
from ingest.model import Box, Candidate, MinedPatch, MinedTrack, Region
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.tracking.kcf import follow
from ingest.video.crops import crop_jpeg, frame_jpeg
from ingest.video.reader import Frame, VideoReader
from ingest.video.signatures import view_of


def _tracks(
    recall: FrameCache, candidates: Sequence[Candidate], settings: MiningSettings, funnel: Funnel
) -> list[MinedTrack]:
    """Tracks of the best candidates, in order; others take the place of those that are lost."""
    tracks: list[MinedTrack] = []
    untried = set(candidates)
    for _ in range(settings.tracking_rounds):
        starts = temporal_nms(untried, [track.start.frame for track in tracks], settings)
        if not starts:
            break
        untried -= set(starts)
        tracks += _followed(recall, starts, settings, funnel)
        funnel.starts += len(starts)
    funnel.tracks = len(tracks)
    return sorted(tracks, key=lambda track: track.start.frame)


def _followed(
    recall: FrameCache, starts: Sequence[Candidate], settings: MiningSettings, funnel: Funnel
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
        funnel.lost[Rejection.ENDED] += len(open_tracks)


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

    def close(self, frame: Frame) -> MinedTrack | Rejection:
        """The track that ends at this frame, or why there is none."""
        region = self._region()
        found = follow(self.smalls, region, self._settings, self._least_travel(frame.time))
        if isinstance(found, Rejection):
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
