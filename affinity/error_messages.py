"""Sentences for errors that come from the machine and are not bugs: a missing library, a full disk."""

from __future__ import annotations

from collections.abc import Iterator

from affinity.doctor.extras import EXTRAS, modules, pip_line
from foundation.errors import DISK_FULL, NO_PERMISSION


def sentence(error: Exception) -> str | None:
    """The sentence for the user; None if the error may be a bug, which needs its traceback."""
    match error:
        case ModuleNotFoundError():
            return missing_library(error)
        case ImportError():
            return broken_library(error)
        case OSError():
            return disk_error(error)
        case _:
            return None


def missing_library(error: ModuleNotFoundError) -> str | None:
    """Name the extra of the command's package, even if a package below it found the library missing."""
    module = (error.name or "").partition(".")[0]
    extra = next((name for name in packages(error) if name in EXTRAS), None)
    if extra is None or module not in modules(extra):
        return None
    return (
        f"This command needs the library {module}, which is not installed. Install it with its extra: {pip_line(extra)}"
    )


def broken_library(error: ImportError) -> str | None:
    raised_in = list(packages(error))[-1]
    if raised_in in (*EXTRAS, "affinity", "foundation"):
        return None
    return f"A library is installed but cannot be loaded: {error}. `affinity doctor` checks each library."


def disk_error(error: OSError) -> str | None:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in DISK_FULL:
        return (
            f"No space is left on the disk{where}. Free some space for the data folder and the cache folder, or choose "
            "other folders with --data and AFFINITY_CACHE; `affinity doctor` shows the free space."
        )
    if error.errno in NO_PERMISSION and error.filename:
        return (
            f"{error.strerror}{where}. Give this user access to it. If it is in the data folder or cache folder, you "
            "can choose other folders with --data and AFFINITY_CACHE; `affinity doctor` checks both."
        )
    return None


def packages(error: BaseException) -> Iterator[str]:
    """The top-level packages in the traceback, from the command down to the line that raised the error."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        trace = trace.tb_next
