"""Mine a video: find where something moves by itself, and track it for some frames (Sec. 4.1, 4.3).

Two passes keep memory bounded for any video. The first pass reads every frame, small and gray, and finds candidates.
The second pass tracks them. It reads only their frames, in color: from the cache of the first pass, or decoded again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2

from ingest.mining.candidates import CandidateFinder
from ingest.mining.frame_cache import FrameCache
from ingest.mining.things.sweep import sweep
from ingest.model import MinedVideo
from ingest.rejections import Funnel
from ingest.settings import MiningSettings
from ingest.tracking.confirmation import same_thing
from ingest.tracking.kcf import require_tracker
from ingest.tracking.tracks import track_candidates
from ingest.video.discovery import video_id
from ingest.video.reader import Frame, VideoReader


def mine_video(path: Path, settings: MiningSettings, *, threads: int = 1) -> MinedVideo:
    """Mine one file; `threads` threads decode it. The same file and settings always give the same bytes.

    Raises UnreadableVideo, and IngestError where OpenCV has no KCF tracker.
    """
    require_tracker()
    # Each worker process mines one video: more threads in it would slow down the others.
    cv2.setNumThreads(1)
    if settings.motion == "things":
        return _mine_things(path, settings, threads)
    id = video_id(path)
    reader = VideoReader(path, threads=threads)
    cache = FrameCache(reader, settings)
    finder = CandidateFinder(reader, settings, cache)
    candidates = finder.run()
    tracks = track_candidates(candidates, cache, settings, finder.funnel)
    return MinedVideo(
        id=id,
        uri=path.resolve().as_uri(),
        fps=finder.fps,
        width=reader.width,
        height=reader.height,
        frames=finder.funnel.frames,
        duration=finder.duration,
        tracks=tracks,
        funnel=finder.funnel,
    )


def _mine_things(path: Path, settings: MiningSettings, threads: int) -> MinedVideo:
    """Mine a file in one pass."""
    reader = VideoReader(path, threads=threads)
    funnel = Funnel()
    times = array("d")
    tracks = sweep(_timed(reader, times), settings, funnel, partial(same_thing, settings=settings))
    funnel.corrupt = reader.corrupt
    fps = (len(times) - 1) / times[-1] if times[-1] > 0 else reader.rate
    return MinedVideo(
        id=video_id(path),
        uri=path.resolve().as_uri(),
        fps=fps,
        width=reader.width,
        height=reader.height,
        frames=funnel.frames,
        duration=times[-1] + 1 / fps,
        tracks=tracks,
        funnel=funnel,
    )


def _timed(reader: VideoReader, times: array[float]) -> Iterator[Frame]:
    """Yield all frames, and keep their times."""
    for frame in reader.frames():
        times.append(frame.time)
        yield frame
