"""Finding video files, their ids, and the reasons why a path cannot be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest.errors import IngestError, UnreadableVideo
from ingest.video.discovery import find_videos, video_id
from ingest.video.reader import VideoReader
from tests.unit.ingest.clip_files import crossing, write, write_sound


def touch(path: Path, content: bytes = b"x") -> Path:
    """Write a file, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_videos_in_folders_are_found_in_sorted_order(tmp_path: Path) -> None:
    names = ["b.MP4", "a/z.mkv", "a/a.webm", "a/notes.txt", ".hidden.mp4", "a/._fork.mp4"]
    for name in names:
        touch(tmp_path / name)
    assert find_videos([tmp_path]) == [tmp_path / name for name in ("b.MP4", "a/a.webm", "a/z.mkv")]


def test_files_with_any_name_are_returned_once(tmp_path: Path) -> None:
    odd = touch(tmp_path / "film.data")
    clip = touch(tmp_path / "clip.mp4")
    assert find_videos([odd, clip, tmp_path]) == [odd, clip]


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path: Path) -> None:
    clip = touch(tmp_path / "in" / "clip.mp4")
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    assert find_videos([tmp_path]) == [clip]


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"gone\.mp4"):
        find_videos([tmp_path / "gone.mp4"])


def test_the_id_is_a_hash_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    one, other = touch(tmp_path / "one.mp4", content), touch(tmp_path / "other.mkv", content)
    assert video_id(one) == video_id(other) == hashlib.blake2b(content).hexdigest()[:16]


def folder(path: Path) -> None:
    path.mkdir()


def broken_link(path: Path) -> None:
    path.symlink_to(path.parent / "gone.mp4")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def truncated_to_its_header(path: Path) -> None:
    whole = write(path.with_name("whole.mp4"), crossing(5)).read_bytes()
    path.write_bytes(whole[:600])


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("<html>not found</html>"), "is no video"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "is no video"),
    "playlist": (lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n"), "is no video"),
    "beginning of a file": (truncated_to_its_header, "is no video"),
    "sound alone": (write_sound, "no video stream"),
    "folder": (folder, "folder"),
    "broken link": (broken_link, "leads nowhere"),
    "pipe": (pipe, "not a regular file"),
    "nothing": (lambda path: None, "nothing is there"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_path_is_named_with_the_reason(tmp_path: Path, kind: str) -> None:
    make, reason = UNREADABLE[kind]
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(UnreadableVideo, match=reason) as caught:
        VideoReader(path)
    assert caught.value.path == path and str(path) in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "broken link", "pipe", "nothing"])
def test_a_path_that_is_no_file_has_no_id(tmp_path: Path, kind: str) -> None:
    make, reason = UNREADABLE[kind]
    make(tmp_path / "clip.mp4")
    with pytest.raises(UnreadableVideo, match=reason):
        video_id(tmp_path / "clip.mp4")
