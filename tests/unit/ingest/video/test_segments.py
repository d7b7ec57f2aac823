"""Segments of time: their frames are those of the whole video, and each frame belongs to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ingest.video.reader import Frame, VideoReader
from tests.unit.ingest.clip_files import Image, flip_bytes, texture, write

COUNT = 150
TRACK = 10
SECONDS = 1.0
GOP = {"g": "20", "crf": "30"}


def panning() -> Iterator[Image]:
    wide = texture(64, 96 + 2 * COUNT)
    return (np.ascontiguousarray(wide[:, 2 * at : 2 * at + 96]) for at in range(COUNT))


FILES: dict[str, tuple[str, dict[str, str]]] = {
    "b-frames.mp4": ("libx264", GOP | {"preset": "medium", "bf": "3"}),
    "open-gop.mkv": ("libx264", {"crf": "30", "x264-params": "keyint=20:open-gop=1:bframes=3:scenecut=0"}),
    "vp9.webm": ("libvpx-vp9", {"g": "20", "deadline": "realtime", "cpu-used": "8"}),
    "mpeg4.avi": ("mpeg4", {"g": "20"}),
    "stream.ts": ("libx264", GOP | {"preset": "veryfast"}),
    "pictures.mkv": ("mjpeg", {}),
}


@pytest.fixture(params=FILES)
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    codec, options = FILES[request.param]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return write(tmp_path / request.param, panning(), codec=codec, options=options, pixels=pixels)


def facts(frame: Frame) -> tuple[int, float, bytes]:
    return frame.index, round(frame.time, 6), frame.scaled(48, 32, "gray").tobytes()


def assert_same_frames(path: Path, expected: int | None = None) -> None:
    reader = VideoReader(path)
    whole = {frame.index: facts(frame) for frame in reader.frames()}
    segments = reader.segments(SECONDS, TRACK)
    assert len(segments) >= 4 if expected is None else len(segments) == expected
    for segment in segments:
        found = [facts(frame) for frame in reader.frames_of(segment)]
        assert found == [whole[index] for index in range(segment.first, segment.first + len(segment.stamps))]
        assert segment.first + len(segment.stamps) >= min(segment.end + TRACK, len(whole))
    assert segments[0].begin == 0 and segments[-1].end == len(whole)
    assert all(before.end == after.begin for before, after in pairwise(segments))


def test_segments_give_the_frames_of_the_whole_video(video: Path) -> None:
    assert_same_frames(video)


def test_a_variable_frame_rate_keeps_numbers_and_times(tmp_path: Path) -> None:
    stamps = np.cumsum(np.random.default_rng(1).integers(1, 9, COUNT)).tolist()
    assert_same_frames(write(tmp_path / "variable.mkv", panning(), options=GOP, stamps=stamps))


def test_a_short_video_is_not_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "short.mp4", panning(), options=GOP)
    assert VideoReader(path).segments(COUNT / 25, TRACK) == []


def test_a_video_without_further_key_frames_is_not_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "one.mp4", panning(), options={"g": "1000", "crf": "30"})
    assert VideoReader(path).segments(SECONDS, TRACK) == []


def test_all_segments_of_a_damaged_file_number_its_frames_alike(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mkv", panning(), options=GOP)
    times = {round(frame.time, 6) for frame in VideoReader(path).frames()}
    damaged = VideoReader(flip_bytes(path, 40))
    segments = damaged.segments(SECONDS, TRACK)
    frames = [frame for segment in segments for frame in damaged.frames_of(segment)]
    numbered = {frame.index: round(frame.time, 6) for frame in frames}
    assert len(segments) > 1 and set(numbered.values()) <= times
    assert all(numbered[frame.index] == round(frame.time, 6) for frame in frames)
