"""Atomic writes, locks between processes, and the free space that a disk must keep."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from foundation.errors import CannotWrite, DiskNearlyFull, LockTimeout

TEMPORARY_SUFFIX = ".tmp"
"""Ends the name of a file that is still being written."""
MIN_FREE_BYTES = 100_000_000
"""Bytes that must stay free on the disk of the local Neo4j. On a full disk Neo4j may log half a transaction and not
start again. If the disk fills up while Neo4j creates an index, Neo4j never answers, and the caller waits forever."""


@contextmanager
def exclusive_lock(lock: Path, seconds: float, doing: str) -> Iterator[None]:
    """Hold a lock file, in a folder that is made if it is missing. One process at a time can hold it.

    Raises LockTimeout, with a sentence about `doing`, if another process still holds it after `seconds`.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=seconds):
            yield
    except Timeout as error:
        raise LockTimeout(doing) from error


@contextmanager
def wrap_os_errors(path: Path) -> Iterator[None]:
    """Raise every OSError of the block as CannotWrite, with a sentence about `path`."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(path, error) from error


@contextmanager
def atomic_write(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file for writing, in a folder that is made if it is missing.

    Readers see all of the new content or none of it, and an error leaves the file as it was. `mode` holds the
    permissions of the file, before the umask of the process. Raises CannotWrite.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with wrap_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, as `atomic_write` does. Raises CannotWrite."""
    with atomic_write(path, mode=0o600) as file:
        file.write(text.encode())


def sync_folder(folder: Path) -> None:
    """Make the names of new and renamed files survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unfinished_files(folder: Path, name: str = "*") -> list[Path]:
    """Return the temporary files that `atomic_write` left when its process died.

    `name` is the pattern of the names that the files would have got. Temporary files of other programs are left out.
    """
    found = sorted(folder.glob(f"{name}.*{TEMPORARY_SUFFIX}"))
    return [path for path in found if path.stem.rpartition(".")[2].isdigit() and path.is_file()]


def require_free_space(folder: Path) -> None:
    """Raise DiskNearlyFull if the disk of the folder has less than MIN_FREE_BYTES free. The folder may be missing."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if shutil.disk_usage(existing).free < MIN_FREE_BYTES:
        raise DiskNearlyFull(folder, MIN_FREE_BYTES)
