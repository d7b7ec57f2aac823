from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ingest.errors import MissingPath, UnreadableVideo
from ingest.video.discovery import find_videos, video_id
from ingest.video.reader import Clock, VideoReader
from tests.unit.ingest.clip_files import crossing, sound, texture, turn_by_metadata, write


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_folders_are_walked_in_order_for_videos(tmp_path: Path) -> None:
    names = ["b.MP4", "a/z.mkv", "a/a.webm", "a/notes.txt", ".hidden.mp4", "a/._fork.mp4"]
    for name in names:
        touch(tmp_path / name)
    assert find_videos([tmp_path]) == [tmp_path / name for name in ("b.MP4", "a/a.webm", "a/z.mkv")]


def test_files_are_taken_whatever_their_name_and_once(tmp_path: Path) -> None:
    odd = touch(tmp_path / "film.data")
    clip = touch(tmp_path / "clip.mp4")
    assert find_videos([odd, clip, tmp_path]) == [odd, clip]


def test_folders_that_link_to_themselves_end(tmp_path: Path) -> None:
    clip = touch(tmp_path / "in" / "clip.mp4")
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    assert find_videos([tmp_path]) == [clip]


def test_a_path_with_nothing_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingPath, match=r"gone\.mp4"):
        find_videos([tmp_path / "gone.mp4"])


def test_the_id_is_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    one, other = touch(tmp_path / "one.mp4", content), touch(tmp_path / "other.mkv", content)
    assert video_id(one) == video_id(other) == hashlib.blake2b(content).hexdigest()[:16]


def folder(path: Path) -> None:
    path.mkdir()


def broken_link(path: Path) -> None:
    path.symlink_to(path.parent / "gone.mp4")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def beginning(path: Path) -> None:
    whole = write(path.with_name("whole.mp4"), crossing(5)).read_bytes()
    path.write_bytes(whole[:600])


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("<html>not found</html>"), "is no video"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "is no video"),
    "playlist": (lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n"), "is no video"),
    "beginning of a file": (beginning, "is no video"),
    "sound alone": (sound, "no video stream"),
    "folder": (folder, "folder"),
    "broken link": (broken_link, "leads nowhere"),
    "pipe": (pipe, "not a regular file"),
    "nothing": (lambda path: None, "nothing is there"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path, kind: str) -> None:
    make, reason = UNREADABLE[kind]
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(UnreadableVideo, match=reason) as caught:
        VideoReader(path)
    assert caught.value.path == path and str(path) in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "broken link", "pipe", "nothing"])
def test_what_is_no_file_has_no_id(tmp_path: Path, kind: str) -> None:
    make, reason = UNREADABLE[kind]
    make(tmp_path / "clip.mp4")
    with pytest.raises(UnreadableVideo, match=reason):
        video_id(tmp_path / "clip.mp4")


def test_the_error_survives_the_way_back_from_a_process() -> None:
    error = pickle.loads(pickle.dumps(UnreadableVideo(Path("a.mp4"), "it is empty")))
    assert (error.path, error.reason) == (Path("a.mp4"), "it is empty")


def test_a_real_video_is_read_to_its_end(bikes: Path) -> None:
    reader = VideoReader(bikes)
    frames = list(reader.frames())
    assert (reader.width, reader.height, reader.rate, reader.corrupt) == (640, 272, 25.0, 0)
    assert [frame.index for frame in frames] == list(range(250))
    assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(250)])


def test_time_follows_the_stamps(tmp_path: Path) -> None:
    stamps = [0, 4, 8, 30, 31, 60]
    path = write(tmp_path / "clip.mkv", crossing(6), stamps=stamps)
    times = [frame.time for frame in VideoReader(path).frames()]
    assert times == pytest.approx([stamp / 100 for stamp in stamps], abs=0.001)


def test_stamps_that_go_back_are_not_believed_again() -> None:
    clock = Clock(base=0.1, period=0.5)
    assert [clock.tick(pts) for pts in (7, 9, 8, 40)] == pytest.approx([0, 0.2, 0.7, 1.2])
    assert not clock.reliable


def test_frames_without_stamps_are_a_period_apart() -> None:
    clock = Clock(base=0.1, period=0.5)
    assert [clock.tick(None) for _ in range(3)] == [0, 0.5, 1]
    assert not clock.reliable


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_windows_give_the_frames_of_the_full_pass(tmp_path: Path, name: str) -> None:
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


def test_frames_stand_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", crossing(3, 160, 96))
    turn_by_metadata(path)
    reader = VideoReader(path)
    frame = next(iter(reader.frames()))
    taken, upright = cv2.VideoCapture(str(path)).read()
    assert taken and (reader.width, reader.height) == (96, 160)
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


def test_a_file_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mkv", crossing(60), options={"g": "10", "crf": "18"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 10 < sum(1 for _ in VideoReader(path).frames()) < 60


def test_frames_keep_the_first_size_and_time_goes_on(tmp_path: Path) -> None:
    small = write(tmp_path / "small.ts", crossing(10, 128, 96))
    large = write(tmp_path / "large.ts", [texture(192, 256)] * 10)
    joined = touch(tmp_path / "joined.ts", small.read_bytes() + large.read_bytes())
    frames = [(frame.time, frame.image.shape) for frame in VideoReader(joined).frames()]
    assert len(frames) > 15 and {shape for _, shape in frames} == {(96, 128, 3)}
    times = [time for time, _ in frames]
    assert times == sorted(set(times))


def test_a_picture_is_a_video_of_one_frame(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), texture(96, 128))
    renamed = picture.rename(tmp_path / "clip.mp4")
    assert [frame.time for frame in VideoReader(renamed).frames()] == [0]
