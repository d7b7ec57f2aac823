"""Frames kept from the first pass: the same tracks as by decoding again, in a bounded number of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.miner import mine_video
from ingest.mining import frame_cache
from ingest.mining.frame_cache import FrameCache
from ingest.model import Box, Candidate, Region
from ingest.settings import MiningSettings
from ingest.video.reader import VideoReader

SETTINGS = MiningSettings(track_frames=9, min_gap=10, max_patches=2)


def candidate(index: int, motion: float) -> Candidate:
    return Candidate(index, Box(0, 0, 96), Region(0, 0, 96, 96), motion)


@pytest.fixture
def reader(bikes: Path) -> VideoReader:
    reader = VideoReader(bikes)
    for _ in reader.frames():
        pass
    return reader


def test_kept_frames_and_decoded_ones_come_in_one_order_each_once(reader: VideoReader) -> None:
    memory = FrameCache(reader, SETTINGS)
    kept = [frame for frame in reader.frames() if 20 <= frame.index <= 29]
    memory.keep(candidate(20, 0.5), kept)
    spans = [(5, 14), (20, 29), (27, 36)]
    seen = list(memory.windows(spans))
    again = list(reader.windows(spans))
    assert [frame.index for frame in seen] == [*range(5, 15), *range(20, 37)]
    assert [frame.image.tobytes() for frame in seen] == [frame.image.tobytes() for frame in again]
    assert sum(any(frame is one for one in kept) for frame in seen) == 7


def test_the_strongest_candidates_that_would_be_tracked_are_kept_within_the_budget(reader: VideoReader) -> None:
    memory = FrameCache(reader, SETTINGS, budget=25 * reader.picture_bytes)
    frames = list(reader.windows([(0, 99)]))
    for index, motion in ((0, 0.2), (40, 0.9), (45, 0.8), (70, 0.1), (80, 0.3)):
        memory.keep(candidate(index, motion), frames[index : index + 10])
        assert len(memory._frames) <= 25
    # Of those ten frames apart: 40 and 80. 45, in the second place, shares half its frames with 40.
    assert sorted(memory._frames) == [*range(40, 55), *range(80, 90)]


def test_a_video_whose_pictures_are_too_large_to_keep_gives_the_same_tracks(
    clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = mine_video(clips[0], MiningSettings())
    monkeypatch.setattr(frame_cache, "BUDGET", 0)
    assert mine_video(clips[0], MiningSettings()) == kept
    assert kept.tracks
