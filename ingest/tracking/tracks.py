"""The second pass over a video: track the candidates, and cut the crops at both ends of each track (Sec. 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.mining.frame_cache import FrameCache
from ingest.mining.temporal_nms import temporal_nms
from ingest.model import Box, Candidate, MinedPatch, MinedTrack, Region
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.tracking.kcf import track_region
from ingest.video.crops import crop_jpeg, frame_jpeg
from ingest.video.reader import Frame, VideoReader
from ingest.video.signatures import frame_signature


def track_candidates(
    candidates: Sequence[Candidate], cache: FrameCache, settings: MiningSettings, funnel: Funnel
) -> list[MinedTrack]:
    """Return the tracks of the strongest candidates, in order of their starts; others replace those that are lost.

    Counts the starts, the tracks and the lost ones in `funnel`.
    """
    tracks: list[MinedTrack] = []
    untried = set(candidates)
    for _ in range(settings.tracking_rounds):
        starts = temporal_nms(untried, [track.start.frame for track in tracks], settings)
        if not starts:
            break
        untried -= set(starts)
        tracks += _track(starts, cache, settings, funnel)
        funnel.starts += len(starts)
    funnel.tracks = len(tracks)
    return sorted(tracks, key=lambda track: track.start.frame)


def _track(
    starts: Sequence[Candidate], cache: FrameCache, settings: MiningSettings, funnel: Funnel
) -> Iterator[MinedTrack]:
    """Read the frames of the tracks, and yield each track that is not lost."""
    reader = cache.reader
    scale = min(1.0, settings.track_side / min(reader.width, reader.height))
    size = (round(reader.width * scale), round(reader.height * scale))
    start_at = {start.index: start for start in starts}
    open_tracks: list[_OpenTrack] = []
    for frame in cache.frames_in([(start.index, start.index + settings.track_frames) for start in starts]):
        small = frame.scaled(*size)
        if start := start_at.get(frame.index):
            open_tracks.append(_OpenTrack(frame, start, scale, settings))
        for track in open_tracks:
            track.frames.append(small)
        if open_tracks and len(open_tracks[0].frames) > settings.track_frames:
            result = open_tracks.pop(0).close(frame)
            if isinstance(result, MinedTrack):
                yield result
            else:
                funnel.lost[result] += 1
    if open_tracks:
        funnel.lost[Rejection.VIDEO_ENDED] += len(open_tracks)


class _OpenTrack:
    """A start and the frames after it, reduced by `scale` for the tracker."""

    def __init__(self, frame: Frame, start: Candidate, scale: float, settings: MiningSettings) -> None:
        image = frame.image
        self.frames: list[NDArray[np.uint8]] = []
        self._box = start.box
        self._core = start.core
        self._shot = start.shot
        self._scale = scale
        self._settings = settings
        jpeg = crop_jpeg(image, start.box, settings)
        self._start = MinedPatch(start.index, frame.time, start.box, start.motion, jpeg)
        self._signature = frame_signature(image)
        self._frame_jpeg = frame_jpeg(image, settings) if settings.frames else None

    def close(self, frame: Frame) -> MinedTrack | Rejection:
        """Return the track that ends at this frame, or the reason why it is lost."""
        region = self._region()
        found = track_region(self.frames, region, self._settings, self._min_distance(frame.time))
        if isinstance(found, Rejection):
            return found
        box = _shifted(self._box, found.x - region.x, found.y - region.y, self._scale, frame.video)
        end = MinedPatch(frame.index, frame.time, box, 0.0, crop_jpeg(frame.image, box, self._settings))
        return MinedTrack(self._start, end, self._signature, self._frame_jpeg, self._settings.track_frames, self._shot)

    def _min_distance(self, end_time: float) -> float:
        """Return how far the region must move by itself, in the tracker's pixels."""
        height, width = self.frames[0].shape[:2]
        speed: float = self._settings.min_speed * max(height, width)
        return self._settings.min_travel * speed * (end_time - self._start.time)

    def _region(self) -> Region:
        """Return the core in the tracker's pixels, grown to `min_region`."""
        height, width = self.frames[0].shape[:2]
        least = self._box.side * self._scale * self._settings.min_region
        x, columns = _grown(self._core.x * self._scale, self._core.width * self._scale, least, width)
        y, rows = _grown(self._core.y * self._scale, self._core.height * self._scale, least, height)
        return Region(x, y, columns, rows)


def _grown(start: float, length: float, least: float, limit: int) -> tuple[int, int]:
    """Grow an interval about its center to the length `least`, within 0 and `limit`; return its start and length."""
    grown = min(max(length, least), limit)
    rounded = round(grown)
    return min(max(0, round(start - (grown - length) / 2)), limit - rounded), rounded


def _shifted(box: Box, right: int, down: int, scale: float, video: VideoReader) -> Box:
    """Shift the box by some of the tracker's pixels, and keep it inside the frame."""
    x = min(max(0, box.x + round(right / scale)), video.width - box.side)
    y = min(max(0, box.y + round(down / scale)), video.height - box.side)
    return Box(x, y, box.side)
