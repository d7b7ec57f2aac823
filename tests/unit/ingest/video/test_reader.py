"""Decoding frame by frame: order, times, sizes and damage."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from ingest.errors import UnreadableVideo
from ingest.video.reader import Clock, VideoReader
from tests.unit.ingest.clip_files import crossing, rotate_by_metadata, texture, write


def test_a_real_video_is_read_to_its_end(bikes: Path) -> None:
    reader = VideoReader(bikes)
    frames = list(reader.frames())
    assert (reader.width, reader.height, reader.rate, reader.corrupt) == (640, 272, 25.0, 0)
    assert [frame.index for frame in frames] == list(range(250))
    assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(250)])


def test_times_follow_the_stamps(tmp_path: Path) -> None:
    stamps = [0, 4, 8, 30, 31, 60]
    path = write(tmp_path / "clip.mkv", crossing(6), stamps=stamps)
    times = [frame.time for frame in VideoReader(path).frames()]
    assert times == pytest.approx([stamp / 100 for stamp in stamps], abs=0.001)


def test_stamps_are_ignored_after_one_that_goes_back() -> None:
    clock = Clock(base=0.1, period=0.5)
    assert [clock.tick(pts) for pts in (7, 9, 8, 40)] == pytest.approx([0, 0.2, 0.7, 1.2])
    assert not clock.reliable


def test_frames_without_stamps_are_a_period_apart() -> None:
    clock = Clock(base=0.1, period=0.5)
    assert [clock.tick(None) for _ in range(3)] == [0, 0.5, 1]
    assert not clock.reliable


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_spans_give_the_frames_of_the_full_pass(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, crossing(60, 128, 96), options={"g": "10", "crf": "20"})
    reader = VideoReader(path)
    whole = [(frame.index, frame.time, frame.image) for frame in reader.frames()]
    seen = [
        (frame.index, frame.time, frame.image) for frame in reader.frames_in([(48, 52), (3, 5), (25, 30), (28, 33)])
    ]
    assert [index for index, _, _ in seen] == [*range(3, 6), *range(25, 34), *range(48, 53)]
    for index, time, image in seen:
        assert time == whole[index][1]
        assert np.array_equal(image, whole[index][2])


def test_frames_are_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", crossing(3, 160, 96))
    rotate_by_metadata(path)
    reader = VideoReader(path)
    frame = next(iter(reader.frames()))
    read, upright = cv2.VideoCapture(str(path)).read()
    assert read and (reader.width, reader.height) == (96, 160)
    assert np.abs(frame.image.astype(int) - upright).mean() < 2
    assert frame.scaled(48, 80, "gray").shape == (80, 48)


def test_damaged_frames_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.ts", crossing(60), options={"g": "15", "crf": "18"})
    data = bytearray(path.read_bytes())
    for at in np.random.default_rng(0).integers(20_000, len(data) - 20_000, size=60):
        data[at] ^= 0xFF
    path.write_bytes(data)
    reader = VideoReader(path)
    indexes = [frame.index for frame in reader.frames()]
    assert reader.corrupt > 0
    assert 0 < len(indexes) < 60 and indexes == list(range(len(indexes)))


def test_a_truncated_file_gives_its_whole_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mkv", crossing(60), options={"g": "10", "crf": "18"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 10 < sum(1 for _ in VideoReader(path).frames()) < 60


def test_frames_are_scaled_to_the_first_size_and_time_continues(tmp_path: Path) -> None:
    small = write(tmp_path / "small.ts", crossing(10, 128, 96))
    large = write(tmp_path / "large.ts", [texture(192, 256)] * 10)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames = [(frame.time, frame.image.shape) for frame in VideoReader(joined).frames()]
    assert len(frames) > 15 and {shape for _, shape in frames} == {(96, 128, 3)}
    times = [time for time, _ in frames]
    assert times == sorted(set(times))


def test_an_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), texture(96, 128))
    renamed = picture.rename(tmp_path / "clip.mp4")
    assert [frame.time for frame in VideoReader(renamed).frames()] == [0]


def test_the_error_is_pickled_whole() -> None:
    error = pickle.loads(pickle.dumps(UnreadableVideo(Path("a.mp4"), "it is empty")))
    assert (error.path, error.reason) == (Path("a.mp4"), "it is empty")
