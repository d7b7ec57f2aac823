"""Files that are whole or absent, locks between processes, and the room that a disk must keep."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from foundation.errors import CannotWrite, DiskNearlyFull, LockTimeout

TEMPORARY = ".tmp"
"""How the name of a file ends that is not whole yet."""
ROOM = 100_000_000
"""Bytes that stay free under the local Neo4j. On a full disk it may log half a transaction, and not start again; one
that runs out of room while it creates an index spins without an answer, and whoever waits for it waits for ever."""


@contextmanager
def alone(lock: Path, seconds: float, doing: str) -> Iterator[None]:
    """One process at a time; the folder of the lock is made if missing. Raises LockTimeout after `seconds`."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=seconds):
            yield
    except Timeout as error:
        raise LockTimeout(lock, doing) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever the system refuses inside is CannotWrite, a sentence about `path`."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(path, error) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, in a folder made if missing. Readers see all of it or none; a failure leaves nothing.

    Raises CannotWrite.
    """
    scratch = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with scratch.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    """Make a renamed file survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def half_written(folder: Path, name: str = "*") -> list[Path]:
    """Files of such a name that `whole_file` was writing when its process died; other temporary files are not ours."""
    found = sorted(folder.glob(f"{name}.*{TEMPORARY}"))
    return [path for path in found if path.stem.rpartition(".")[2].isdigit() and path.is_file()]


def require_room(folder: Path) -> None:
    """Raises DiskNearlyFull where the disk of the folder, which may still have to be made, has less than ROOM free."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if shutil.disk_usage(there).free < ROOM:
        raise DiskNearlyFull(folder, ROOM)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
