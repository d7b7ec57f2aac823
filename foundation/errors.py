"""The root of all errors of the project, and the errors that every package can meet.

AffinityError            its message says what happened, to what, and what to do next
  x SettingsError        a setting has a value that cannot be used
  x CannotWrite          the disk is full, or this user may not write
    - DiskNearlyFull     too little space is left for the local Neo4j to start or write
  x LockTimeout          another process holds a lock for longer than this one waits
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, or of a used-up quota."""


CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Error numbers of a missing permission, or of a read-only disk."""


class AffinityError(Exception):
    """The root: its message says what happened, to what, and what to do next.

    Python pickles an exception with its message only. These errors are pickled with the arguments that made them, so
    that they come back whole from worker processes.
    """

    def __new__(cls, *args: object, **named: object) -> Self:
        error = super().__new__(cls, *args)
        error._made_from = args, named
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        return remake, (type(self), *self._made_from)

    _made_from: tuple[tuple[object, ...], dict[str, object]]


def remake(kind: Callable[..., AffinityError], args: tuple[object, ...], named: dict[str, object]) -> AffinityError:
    return kind(*args, **named)


class SettingsError(AffinityError):
    """A setting has a value that cannot be used."""


class CannotWrite(AffinityError):
    """A file cannot be written: the disk is full, or this user may not write there."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.error = error
        if error.errno in FULL:
            what = f"The disk is full: no space is left for {path}"
            remedy = "Make room on that disk"
        else:
            what = f"{path} cannot be written: {error.strerror or error}"
            remedy = f"See that this user can write to {path.parent}, or choose another data folder with --data"
        super().__init__(f"{what}. {remedy}, and run the same command again: it goes on from what was stored.")


class DiskNearlyFull(CannotWrite):
    """Too little space is left for the local Neo4j to start or write."""

    def __init__(self, path: Path, least: int) -> None:
        self.least = least
        super().__init__(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self.args = (
            f"The disk is nearly full: Neo4j in {path} is kept from starting and writing while less than "
            f"{least // 10**6} MB are free, since on a full one it stops answering, and may lose its files. Make room "
            "on that disk, or choose another data folder with --data, and run the same command again: it goes on from "
            "what was stored.",
        )


class LockTimeout(AffinityError):
    """Another process holds a lock for longer than this one waits."""

    def __init__(self, lock: Path, doing: str) -> None:
        self.lock = lock
        super().__init__(f"Another process is still {doing}. Wait for it, or end it, and run the command again.")
