"""Find video files, identify them by content, and refuse paths that cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from av.error import InvalidDataError

from ingest.errors import IngestError, UnreadableVideo, shown

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv"),
    )
)
"""Endings of the files that are searched for in folders."""

_READ_BYTES = 1 << 20


def find_videos(paths: Sequence[Path]) -> list[Path]:
    """Return the files among `paths`, and the videos in the folders among them, in sorted order and each once.

    A folder without videos, or one that cannot be listed, is returned itself, and so is a broken link: decoding them
    fails with the reason, as for every other file. Raises IngestError where a path does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise IngestError(f"Nothing is at {shown(path)}. Give video files, or folders that hold some.")
        in_folder = list(_videos_in(path)) if path.is_dir() else []
        found.update(dict.fromkeys(in_folder or [path]))
    return list(found)


def _videos_in(folder: Path) -> Iterator[Path]:
    visited: set[Path] = set()
    unlisted: list[Path] = []
    walk = os.walk(folder, followlinks=True, onerror=lambda error: unlisted.append(Path(error.filename)))
    for parent, folders, files in walk:
        if (real := Path(parent).resolve()) in visited:
            folders.clear()
            continue
        visited.add(real)
        folders.sort()
        visible = (Path(parent, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in visible if path.suffix.lower() in SUFFIXES)
    yield from unlisted


def video_id(path: Path) -> str:
    """Return the first 16 hex digits of the BLAKE2b hash of the file. Raises UnreadableVideo."""
    require_readable(path)
    hasher = blake2b()
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                hasher.update(block)
    except OSError as error:
        raise UnreadableVideo(path, error_reason(error)) from error
    return hasher.hexdigest()[:16]


def require_readable(path: Path) -> None:
    """Raise UnreadableVideo unless `path` is a regular file that this user may read, and that is not empty.

    The reasons say more than the system's. A pipe is refused before reading it could block.
    """
    try:
        state = path.stat()
    except OSError as error:
        what = "nothing is there" if isinstance(error, FileNotFoundError) else error_reason(error)
        raise UnreadableVideo(path, "its link leads nowhere" if os.path.islink(path) else what) from error
    if stat.S_ISDIR(state.st_mode):
        listed = os.access(path, os.R_OK | os.X_OK)
        raise UnreadableVideo(path, "it is a folder without videos" if listed else "this user may not list the folder")
    if not stat.S_ISREG(state.st_mode):
        raise UnreadableVideo(path, "it is not a regular file")
    if not os.access(path, os.R_OK):
        raise UnreadableVideo(path, "this user may not read it")
    if state.st_size == 0:
        raise UnreadableVideo(path, "it is empty")


def error_reason(error: Exception) -> str:
    """Return the message of an error of the system or of FFmpeg as the end of a sentence."""
    if isinstance(error, InvalidDataError):
        return "it is no video, or the part that describes it is damaged or missing"
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:].rstrip(".")
