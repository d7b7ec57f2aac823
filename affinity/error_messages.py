"""Errors that are the machine's and no bug of ours, as sentences: a library that is missing, a disk that refuses."""

from __future__ import annotations

from collections.abc import Iterator

from affinity.doctor.extras import EXTRAS, modules, pip_line
from foundation.errors import DISK_FULL, NO_PERMISSION


def sentence(error: Exception) -> str | None:
    """What to tell the reader; None where the error may be a bug, whose traceback is worth more."""
    match error:
        case ModuleNotFoundError():
            return missing_library(error)
        case ImportError():
            return broken_library(error)
        case OSError():
            return refusing_disk(error)
        case _:
            return None


def missing_library(error: ModuleNotFoundError) -> str | None:
    """The room that was asked names the extra, also where a room below it found the library missing."""
    module = (error.name or "").partition(".")[0]
    room = next((name for name in packages(error) if name in EXTRAS), None)
    if room is None or module not in modules(room):
        return None
    return f"This needs the library {module}, which is not installed. Install all of its kind: {pip_line(room)}"


def broken_library(error: ImportError) -> str | None:
    raised_in = list(packages(error))[-1]
    if raised_in in (*EXTRAS, "doctor", "affinity", "affinity_demo"):
        return None
    return f"A library is installed but cannot be loaded: {error}. `affinity doctor` looks at each of them."


def refusing_disk(error: OSError) -> str | None:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in DISK_FULL:
        return (
            f"No space is left on the disk{where}. Make room where data and cache folder lie, or choose others with "
            "--data and AFFINITY_CACHE; `affinity doctor` shows what is free."
        )
    if error.errno in NO_PERMISSION and error.filename:
        return (
            f"{error.strerror}{where}. See that this user may use it. If it lies in the data or cache folder, "
            "choose others with --data and AFFINITY_CACHE; `affinity doctor` checks both."
        )
    return None


def packages(error: BaseException) -> Iterator[str]:
    """The top-level packages that the error passed through, from the command down to where it was raised."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        trace = trace.tb_next
