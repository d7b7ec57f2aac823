"""Mine a video: find where something moves by itself, and track it for some frames (Sec. 4.1, 4.3).

Two passes keep memory bounded for any video. The first pass reads every frame, small and gray, and finds candidates.
The second pass tracks them. It reads only their frames, in color: from the cache of the first pass, or decoded again.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from ingest.mining.candidates import CandidateFinder
from ingest.mining.frame_cache import FrameCache
from ingest.model import MinedVideo
from ingest.settings import MiningSettings
from ingest.tracking.kcf import require_tracker
from ingest.tracking.tracks import track_candidates
from ingest.video.discovery import video_id
from ingest.video.reader import VideoReader


def mine_video(path: Path, settings: MiningSettings, *, threads: int = 1) -> MinedVideo:
    """Mine one file; `threads` threads decode it. The same file and settings always give the same bytes.

    Raises UnreadableVideo, and IngestError where OpenCV has no KCF tracker.
    """
    require_tracker()
    # Each worker process mines one video: more threads in it would slow down the others.
    cv2.setNumThreads(1)
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
