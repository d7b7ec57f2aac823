"""The frame cache: the same frames as by decoding again, in a bounded number of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.miner import mine_video
from ingest.mining import frame_cache
from ingest.mining.frame_cache import FrameCache
from ingest.model import Box, Candidate, Region
from ingest.settings import MiningSettings
from ingest.video.reader import VideoReader

SETTINGS = MiningSettings(track_frames=9, gap=10, max_patches=2)


def candidate(index: int, motion: float) -> Candidate:
    return Candidate(index, Box(0, 0, 96), Region(0, 0, 96, 96), motion)


@pytest.fixture
def reader(bikes: Path) -> VideoReader:
    reader = VideoReader(bikes)
    for _ in reader.frames():
        pass
    return reader


def test_kept_and_decoded_frames_are_merged_in_order_each_once(reader: VideoReader) -> None:
    cache = FrameCache(reader, SETTINGS)
    kept = [frame for frame in reader.frames() if 20 <= frame.index <= 29]
    cache.keep(candidate(20, 0.5), kept)
    spans = [(5, 14), (20, 29), (27, 36)]
    found = list(cache.frames_in(spans))
    again = list(reader.frames_in(spans))
    assert [frame.index for frame in found] == [*range(5, 15), *range(20, 37)]
    assert [frame.image.tobytes() for frame in found] == [frame.image.tobytes() for frame in again]
    assert sum(any(frame is one for one in kept) for frame in found) == 7


def test_the_frames_of_the_strongest_candidates_are_kept_within_the_budget(reader: VideoReader) -> None:
    cache = FrameCache(reader, SETTINGS, budget=25 * reader.picture_bytes)
    frames = list(reader.frames_in([(0, 99)]))
    for index, motion in ((0, 0.2), (40, 0.9), (45, 0.8), (70, 0.1), (80, 0.3)):
        cache.keep(candidate(index, motion), frames[index : index + 10])
        assert len(cache._frames) <= 25
    # Candidates 40 and 80 would be tracked. Candidate 45 could replace one, and shares half its frames with 40.
    assert sorted(cache._frames) == [*range(40, 55), *range(80, 90)]


def test_a_video_too_large_for_the_cache_gives_the_same_tracks(
    clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = mine_video(clips[0], MiningSettings())
    monkeypatch.setattr(frame_cache, "BUDGET", 0)
    assert mine_video(clips[0], MiningSettings()) == kept
    assert kept.tracks
