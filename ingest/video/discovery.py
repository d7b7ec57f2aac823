"""TODO."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from av.error import InvalidDataError

from ingest.errors import MissingPath, UnreadableVideo

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv"),
    )
)


_BLOCK = 1 << 20


def find_videos(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths` as given, and the videos below the folders among them, sorted; each once.

    A folder that gives nothing, or cannot be listed, stands for itself: decoding reports it by name, beside the
    other files. Raises MissingPath.
    """
    found: dict[Path, None] = {}
    for path in paths:
        # A broken link is there: decoding reports it by name, beside the other files.
        if not os.path.lexists(path):
            raise MissingPath(path)
        below = list(_below(path)) if path.is_dir() else []
        found.update(dict.fromkeys(below or [path]))
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    locked: list[Path] = []
    walk = os.walk(folder, followlinks=True, onerror=lambda error: locked.append(Path(error.filename)))
    for parent, folders, files in walk:
        if (real := Path(parent).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        shown = (Path(parent, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in shown if path.suffix.lower() in SUFFIXES)
    yield from locked


def video_id(path: Path) -> str:
    """First 16 hex digits of the BLAKE2b of the file: the same bytes are one video. Raises UnreadableVideo."""
    _require_file(path)
    hasher = blake2b()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
    except OSError as error:
        raise UnreadableVideo(path, _words(error)) from error
    return hasher.hexdigest()[:16]


def _require_file(path: Path) -> None:
    """Raises UnreadableVideo, with words that say more than the system's, and before anything could wait on a pipe."""
    try:
        state = path.stat()
    except OSError as error:
        reason = "nothing is there" if isinstance(error, FileNotFoundError) else _words(error)
        raise UnreadableVideo(path, "its link leads nowhere" if os.path.islink(path) else reason) from error
    if stat.S_ISDIR(state.st_mode):
        listed = os.access(path, os.R_OK | os.X_OK)
        raise UnreadableVideo(path, "it is a folder without videos" if listed else "this user may not list the folder")
    if not stat.S_ISREG(state.st_mode):
        raise UnreadableVideo(path, "it is not a regular file")
    if not os.access(path, os.R_OK):
        raise UnreadableVideo(path, "this user may not read it")
    if state.st_size == 0:
        raise UnreadableVideo(path, "it is empty")


def _words(error: Exception) -> str:
    if isinstance(error, InvalidDataError):
        return "it is no video, or the part that describes it is damaged or missing"
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:].rstrip(".")
