"""A video in, tracks out: where something moves by itself, and what it looks like some frames later (Sec. 4.1, 4.3).

Two passes keep memory bounded whatever the video. The first sees every frame small and gray, and finds starts;
the second sees only the frames around them, in color: those that the first kept, and others decoded again.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from ingest.mining.candidates import CandidateFinder
from ingest.mining.frame_cache import FrameCache
from ingest.model import MinedVideo
from ingest.settings import MiningSettings
from ingest.tracking.kcf import require_tracker
from ingest.tracking.tracks import _tracks
from ingest.video.discovery import video_id
from ingest.video.reader import VideoReader


def mine_video(path: Path, settings: MiningSettings, *, threads: int = 1) -> MinedVideo:
    """Mine one file; `threads` decode it. The same file and settings give the same bytes.

    Raises UnreadableVideo, WrongOpenCV.
    """
    require_tracker()
    # Videos are mined side by side, in processes: threads inside one would only get into each other's way.
    cv2.setNumThreads(1)
    name = video_id(path)
    reader = VideoReader(path, threads=threads)
    recall = FrameCache(reader, settings)
    survey = CandidateFinder(reader, settings, recall)
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
