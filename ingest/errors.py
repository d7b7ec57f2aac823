"""The errors of ingest. Each message says what happened, to what, and what to do next.

IngestError
  x UnreadableVideo        a file cannot be decoded as video
  x UnknownExtractor       no feature extractor has this name
  x MissingPackage         a package that an extractor needs is not installed
  x DamagedFile            a file of the data folder is missing or cannot be read
    - DamagedClusterModel  it holds a cluster model
  x ExtractorChanged       the extractor of a snapshot cannot be loaded, or computes other features
  x WorkerDied             a worker process was killed
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from foundation.errors import AffinityError


def shown(path: Path) -> str:
    """Return a path as one line of printable text; bytes that are no text are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class IngestError(AffinityError):
    """The root of the errors of ingest."""


class UnreadableVideo(IngestError):
    """A file cannot be decoded as video."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{shown(path)} cannot be read as video: {reason}.")


class UnknownExtractor(IngestError):
    """No feature extractor has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"No feature extractor is called {name!r}. Use one of: {', '.join(known)}.")


class MissingPackage(IngestError):
    """A package that an extractor needs is not installed."""

    def __init__(self, package: str, extractor: str) -> None:
        self.package = package
        super().__init__(
            f"The extractor {extractor} needs {package}, which is not installed. Install what networks need: "
            'pip install "affinity-graph[networks]"; or use --features hog, which needs none of it.'
        )


class DamagedFile(IngestError):
    """A file of the data folder is missing or cannot be read."""

    def __init__(self, what: str, path: Path, reason: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"The {what} {path} is unusable: {reason}. {remedy}.")


class DamagedClusterModel(DamagedFile):
    """A file of a cluster model is missing or cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__("cluster model", path, reason, "Fit a new one with `affinity cluster --refit`")


class ExtractorChanged(IngestError):
    """The extractor of a snapshot cannot be loaded any more, or computes other features."""

    def __init__(self, features: str, reason: str) -> None:
        super().__init__(f"The extractor {features} of the snapshot is not available any more: {reason.rstrip('.')}.")


class WorkerDied(IngestError):
    """A worker process was killed; `files` are the files that it and the other workers were processing."""

    def __init__(self, tasks: Iterable[object]) -> None:
        paths = (getattr(task, "path", task) for task in tasks)
        self.files = sorted({path for path in paths if isinstance(path, Path)})
        in_progress = f" These files were in progress: {', '.join(map(shown, self.files))}." if self.files else ""
        super().__init__(
            f"A worker process was killed, most likely because memory ran out.{in_progress} What was stored is kept: "
            "run the same command again to go on. If it happens again, use fewer --workers, or leave out the file that "
            "causes it."
        )
