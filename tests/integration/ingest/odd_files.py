"""Unusual input files: damaged ones, rare formats, and odd names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.unit.ingest.clip_files import (
    Image,
    crossing,
    flip_bytes,
    rotate_by_metadata,
    texture,
    truncate,
    write,
    write_sound,
)

FRAMES = 60
"""Enough for a track of 30 frames, and quick to encode."""
LATIN_1 = os.fsdecode(b"caf\xe9.mp4")
"""A name whose bytes are not UTF-8."""


def plain(path: Path, seed: int) -> Path:
    """Write an ordinary clip; each seed gives another video."""
    return write(path, crossing(FRAMES, seed=seed))


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(20_000))


def truncated_to(share: float) -> Callable[[Path], object]:
    """Return a maker of a file without its end, which decodes without an error up to there."""
    return lambda path: truncate(plain(path, 2), share)


def without_index(path: Path) -> None:
    """An mp4 that lost its end, and with it the index."""
    truncate(plain(path, 1), 0.9)


def flipped(path: Path) -> None:
    flip_bytes(write(path, crossing(FRAMES, seed=3), options={"g": "20", "crf": "18"}), 12)


def still(path: Path) -> None:
    picture = path.with_suffix(".png")
    cv2.imwrite(str(picture), texture(240, 320))
    picture.rename(path)


def of_size(width: int, height: int, frames: int) -> Callable[[Path], object]:
    step = (width / 160, height / 480)
    return lambda path: write(path, crossing(frames, width, height, step))


def large(path: Path) -> None:
    """4K, enlarged, because drawing it at full size would take longer than mining it."""
    images = (cv2.resize(image, (3840, 2160)) for image in crossing(36, 480, 270))
    write(path, (np.asarray(image, np.uint8) for image in images), options={"crf": "30", "preset": "ultrafast"})


def rotated(path: Path) -> None:
    rotate_by_metadata(plain(path, 4))


def uneven(path: Path) -> None:
    """Frames that follow each other after 20 and 60 ms in turn."""
    stamps = [4 * index + 2 * (index % 2) for index in range(FRAMES)]
    write(path, crossing(FRAMES, seed=5), stamps=stamps)


def gray(path: Path) -> None:
    write(path, crossing(FRAMES, seed=6), codec="ffv1", options={}, pixels="gray")


def ten_bit(path: Path) -> None:
    write(path, crossing(FRAMES, seed=7), pixels="yuv420p10le")


def doubled(path: Path) -> None:
    """Every picture twice: 12 pictures a second in a file that states 25."""
    write(path, (image for image in crossing(FRAMES, step=(4.0, 1.0), seed=8) for _ in range(2)))


def squeezed(path: Path) -> None:
    """Half the columns, with pixels twice as wide as high."""
    halves = (cv2.resize(image, (160, 240), interpolation=cv2.INTER_AREA) for image in crossing(FRAMES, seed=9))
    write(path, (np.asarray(half, np.uint8) for half in halves), aspect=Fraction(2, 1))


def resized(path: Path) -> None:
    """A stream whose pictures become larger in the middle."""
    small, large = path.with_name("small.ts"), path.with_name("large.ts")
    write(small, crossing(FRAMES, seed=10))
    write(large, enlarged(crossing(20, seed=10)))
    path.write_bytes(small.read_bytes() + large.read_bytes())
    small.unlink()
    large.unlink()


def enlarged(images: Iterator[Image]) -> Iterator[Image]:
    return (np.asarray(cv2.resize(image, (640, 480)), np.uint8) for image in images)


def copied(path: Path) -> None:
    shutil.copy(path.with_name("good 1.mp4"), path)


def unreadable(path: Path) -> None:
    plain(path, 11).chmod(0)


def locked_folder(path: Path) -> None:
    path.mkdir()
    plain(path / "inside.mp4", 12)
    path.chmod(0)


def album(path: Path) -> None:
    """A folder with a video in a folder below, and another file."""
    (path / "below").mkdir(parents=True)
    plain(path / "below" / "clip.mkv", 13)
    (path / "notes.txt").write_text("not a video")


def plain_with(seed: int) -> Callable[[Path], object]:
    return lambda path: plain(path, seed)


MAKERS: dict[str, Callable[[Path], object]] = {
    "good 1.mp4": plain_with(21),
    "good 2.mp4": plain_with(22),
    "zero bytes.mp4": lambda path: path.write_bytes(b""),
    "noise.mp4": noise,
    "text.mp4": lambda path: path.write_text("<html>not found</html>"),
    "sound alone.mp4": write_sound,
    "moov cut off.mp4": without_index,
    "cut.avi": truncated_to(0.7),
    "cut.ts": truncated_to(0.9),
    "flipped.ts": flipped,
    "one frame.mp4": of_size(320, 240, 1),
    "still.mp4": still,
    "16x16.mp4": of_size(16, 16, FRAMES),
    "64x48.mp4": of_size(64, 48, FRAMES),
    "4K.mp4": large,
    "turned.mp4": rotated,
    "uneven.mkv": uneven,
    "colorless.mkv": gray,
    "10 bit.mp4": ten_bit,
    "doubled.mp4": doubled,
    "squeezed.mp4": squeezed,
    "resized.ts": resized,
    "album": album,
    "empty folder": Path.mkdir,
    "locked folder": locked_folder,
    "broken link.mp4": lambda path: path.symlink_to(path.with_name("gone.mp4")),
    "loop.mp4": lambda path: path.symlink_to(path),
    "unreadable.mp4": unreadable,
    "pipe.mp4": os.mkfifo,
    "device.mp4": lambda path: path.symlink_to("/dev/zero"),
    "copy.mp4": copied,
    'it\'s "quoted" [bold] & spaced.mp4': plain_with(31),
    "two\nlines.mp4": plain_with(32),
    "видео 映像 🎬.mp4": plain_with(33),
    LATIN_1: plain_with(34),
}


def make_all(folder: Path) -> dict[str, Path]:
    """Write every file; return the paths by name."""
    folder.mkdir()
    for name, make in MAKERS.items():
        make(folder / name)
    return {name: folder / name for name in MAKERS}
