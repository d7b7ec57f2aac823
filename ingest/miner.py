"""Mine a video: find what moves by itself, and follow it for some frames (Sec. 4.1, 4.3).

With `motion="things"`, one pass over the frames gives the tracks; a long video is mined in segments of time. With the
other detectors, two passes keep memory bounded for any video. The first pass reads every frame, small and gray, and
finds candidates. The second pass tracks them. It reads only their frames, in color: from the cache of the first pass,
or decoded again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2

from ingest.mining.candidates import CandidateFinder
from ingest.mining.frame_cache import FrameCache
from ingest.mining.things.sweep import sweep
from ingest.model import MinedSegment, MinedTrack, MinedVideo, MiningTask, Segment
from ingest.rejections import Funnel
from ingest.settings import MiningSettings
from ingest.tracking.confirmation import same_thing
from ingest.tracking.kcf import require_tracker
from ingest.tracking.tracks import track_candidates
from ingest.video.discovery import video_id
from ingest.video.reader import Frame, VideoReader


def mining_tasks(path: Path, settings: MiningSettings) -> list[MiningTask]:
    """Return the tasks that a video is mined in: one for each segment. Raises UnreadableVideo."""
    if settings.motion != "things":
        return [MiningTask(path)]
    segments = VideoReader(path).segments(settings.segment_seconds, settings.track_frames)
    return [MiningTask(path, segment, len(segments)) for segment in segments] or [MiningTask(path)]


def mine_video(path: Path, settings: MiningSettings, *, threads: int = 1) -> MinedVideo:
    """Mine one file; `threads` threads decode it. The same file and settings always give the same bytes.

    Raises UnreadableVideo, and IngestError where OpenCV has no KCF tracker.
    """
    segments = [mine_segment(task, settings, threads=threads) for task in mining_tasks(path, settings)]
    return join(segments, video_id(path))


def mine_segment(task: MiningTask, settings: MiningSettings, *, threads: int = 1) -> MinedSegment:
    """Mine a video or one of its segments. Raises as `mine_video`."""
    require_tracker()
    # Each worker process mines one video: more threads in it would slow down the others.
    cv2.setNumThreads(1)
    reader = VideoReader(task.path, threads=threads)
    mine = _mine_things if settings.motion == "things" else _mine_boxes
    return mine(reader, task.segment, settings)


def join(segments: Sequence[MinedSegment], id: str) -> MinedVideo:
    """Join the segments of the video with this id, in order.

    Things are numbered on. A shot that crosses a border keeps the number of its first frame.
    """
    tracks: list[MinedTrack] = []
    shots: list[int] = []
    things = 0
    for segment in segments:
        known = {track.thing for track in segment.tracks if track.thing is not None}
        numbers = {thing: number for number, thing in enumerate(sorted(known), things)}
        things += len(numbers)
        for track in segment.tracks:
            thing = None if track.thing is None else numbers[track.thing]
            tracks.append(replace(track, thing=thing, shot=_shot(track.shot, segment, shots)))
        # Where a segment begins is a cut only if the segment before, which reads on, saw one there.
        shots += [shot for shot in segment.shots if not shots or shot > max(shots[-1], segment.first)]
    funnel = sum((segment.funnel for segment in segments), Funnel())
    first, last = segments[0], segments[-1]
    fps = (last.frames - 1) / last.last_time if last.last_time > 0 else first.rate
    return MinedVideo(
        id=id,
        uri=first.path.resolve().as_uri(),
        fps=fps,
        width=first.width,
        height=first.height,
        frames=last.frames,
        duration=last.last_time + 1 / fps,
        tracks=tracks,
        funnel=funnel,
    )


def _shot(shot: int, segment: MinedSegment, known: Sequence[int]) -> int:
    """Return the first frame of a shot; one that a segment begins in may have begun in an earlier segment."""
    if shot != segment.first:
        return shot
    return max((earlier for earlier in known if earlier <= shot), default=shot)


def _mine_boxes(reader: VideoReader, _: Segment | None, settings: MiningSettings) -> MinedSegment:
    """Find one moving box of fixed size in a frame, in two passes over the whole video."""
    cache = FrameCache(reader, settings)
    finder = CandidateFinder(reader, settings, cache)
    candidates = finder.run()
    tracks = track_candidates(candidates, cache, settings, finder.funnel)
    return _mined(reader, tracks, [], finder.funnel, finder.funnel.frames, finder.last_time)


def _mine_things(reader: VideoReader, segment: Segment | None, settings: MiningSettings) -> MinedSegment:
    """Follow everything that moves, in one pass over a segment or over the whole video."""
    funnel = Funnel()
    frames = _Counted(reader.frames() if segment is None else reader.frames_of(segment), segment)
    swept = sweep(frames, settings, funnel, partial(same_thing, settings=settings))
    funnel.frames = frames.count
    if segment is None:
        funnel.corrupt = reader.corrupt
        return _mined(reader, swept.tracks, swept.shots, funnel, frames.last_index + 1, frames.last_time)
    funnel.corrupt = segment.end - segment.begin - frames.count
    tracks = [track for track in swept.tracks if segment.begin <= track.start.frame < segment.end]
    funnel.tracks = len(tracks)
    return _mined(reader, tracks, swept.shots, funnel, segment.end, frames.last_time, segment.first)


class _Counted:
    """Passes frames on, and counts those in which tracks of the segment may start."""

    def __init__(self, frames: Iterable[Frame], segment: Segment | None) -> None:
        self._frames = frames
        self._segment = segment
        self.count = 0
        self.last_index = -1
        self.last_time = 0.0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.count += self._segment is None or self._segment.begin <= frame.index < self._segment.end
            self.last_index, self.last_time = frame.index, frame.time
            yield frame


def _mined(
    reader: VideoReader,
    tracks: list[MinedTrack],
    shots: list[int],
    funnel: Funnel,
    frames: int,
    last_time: float,
    first: int = 0,
) -> MinedSegment:
    return MinedSegment(
        path=reader.path,
        first=first,
        frames=frames,
        last_time=last_time,
        rate=reader.rate,
        width=reader.width,
        height=reader.height,
        tracks=tracks,
        shots=shots,
        funnel=funnel,
    )
