"""The root of all errors of the project, and the errors that every package can raise.

AffinityError            its message says what happened, to what, and what to do next
  x SettingsError        a setting has a value that cannot be used
  x CannotWrite          the disk is full, or this user may not write
    - DiskNearlyFull     too little space is left for the local Neo4j to start or write
  x LockTimeout          another process holds a lock for too long
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, or of a used-up quota."""
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Error numbers of a missing permission, or of a read-only disk."""


class AffinityError(Exception):
    """The root of all errors: its message says what happened, to what, and what to do next.

    Python pickles an exception with its message only. An AffinityError is pickled with the arguments that it was made
    from, so that it arrives from a worker process with all its attributes.
    """

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        error = super().__new__(cls, *args)
        error._made_from = args, kwargs
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (type(self), *self._made_from)

    _made_from: tuple[tuple[object, ...], dict[str, object]]


def _remake(kind: Callable[..., AffinityError], args: tuple[object, ...], kwargs: dict[str, object]) -> AffinityError:
    return kind(*args, **kwargs)


class SettingsError(AffinityError):
    """A setting has a value that cannot be used."""


class CannotWrite(AffinityError):
    """A file cannot be written: the disk is full, or this user may not write there."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.error = error
        if error.errno in DISK_FULL:
            problem = f"The disk is full: no space is left for {path}"
            remedy = "Free some space on that disk"
        else:
            problem = f"{path} cannot be written: {error.strerror or error}"
            remedy = f"Make sure that this user can write to {path.parent}, or choose another data folder with --data"
        super().__init__(
            f"{problem}. {remedy}, and run the same command again: it continues from what is already stored."
        )


class DiskNearlyFull(CannotWrite):
    """Too little space is left for the local Neo4j to start or write."""

    def __init__(self, path: Path, min_free: int) -> None:
        super().__init__(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self.args = (
            f"The disk is nearly full: Neo4j in {path} may not start or write while less than {min_free // 10**6} MB "
            "are free, because on a full disk Neo4j stops answering and may lose its files. Free some space on that "
            "disk, or choose another data folder with --data, and run the same command again: it continues from what "
            "is already stored.",
        )


class LockTimeout(AffinityError):
    """Another process holds a lock for too long."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"Another process is still {doing}. Wait until it ends, or end it, and run the command again.")
