"""Everything that can go wrong between videos and the graph.

IngestError
  x MissingPath          nothing is at a path that was given
  x NoSuchVideo          the graph holds no video of this name, or several
  x UnreadableVideo      a file cannot be decoded as video
  x OtherCrops           crops were asked for in another size than the graph's
  x WrongOpenCV          the installed OpenCV has no KCF tracker
  x UnknownExtractor     no feature extractor has this name
  x OtherExtractor       a worker computes other features than the command
  x MissingPackage       a package that an extractor needs is not installed
  x UnreadableWeights    a file of a network's weights cannot be read
  x WrongWeights         a file of weights is of another network
  x DamagedFeatures      a feature file is missing or cannot be read
  x DamagedViews         a file of views cannot be read
  x DamagedFit           a fit is missing or cannot be read
  x NothingToCluster     no start has a usable feature
  x BadLabels            a file of labels cannot be read
  x WorkerDied           a worker process was killed
  x MissingRay           Ray was asked for and is not installed
  x ClusterUnavailable   Ray cannot be reached, or failed
  x NotShared            a machine of the cluster does not see a file that it needs
  x UnusedAddress        an address was given to an engine that has none
  x NothingIngested      the graph holds no track to publish
  x NothingToShow        a snapshot holds nothing of the kind that was asked for
  x UnusableSheet        a contact sheet cannot be written where it was asked for
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from foundation.errors import AffinityError


def shown(path: Path) -> str:
    """A path as one line of printable text, whatever bytes its name is made of."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class IngestError(AffinityError):
    """The root: its message says what happened, to what, and what to do next."""


class MissingPath(IngestError):
    """Nothing is at a path that was given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"Nothing is at {shown(path)}. Give video files, or folders that hold some.")


class NoSuchVideo(IngestError):
    """The graph holds no video of this name; `begun` are those whose ids begin with it, with their files."""

    def __init__(self, name: str, begun: Mapping[str, str]) -> None:
        self.name = name
        if begun:
            several = ", ".join(f"{id} ({uri})" for id, uri in list(begun.items())[:5])
            super().__init__(f"Several videos are meant by {name}: {several}. Give more digits of the id.")
        else:
            super().__init__(
                f"The graph holds no video {name}. Give its file, its address, its id, or the first four digits of "
                "that at least: `MATCH (v:Video) RETURN v.id, v.uri` lists them in Neo4j Browser."
            )


class UnreadableVideo(IngestError):
    """A file cannot be decoded as video."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{shown(path)} cannot be read as video: {reason}.")


class WrongOpenCV(IngestError):
    """The installed OpenCV has no KCF tracker."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(
            f"The installed OpenCV ({version}) has no KCF tracker: another opencv package took the folder of the "
            "contrib one. Uninstall every opencv-* package, then install opencv-contrib-python-headless alone."
        )


class UnknownExtractor(IngestError):
    """No feature extractor has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"No feature extractor is called {name!r}. Use one of: {', '.join(known)}.")


class OtherCrops(IngestError):
    """Crops were asked for in another size than the graph's."""

    def __init__(self, crop: int, graph: int) -> None:
        self.crop = crop
        self.graph = graph
        super().__init__(
            f"The crops of this graph have sides of {graph} pixels, and the setting crop-side is {crop}. A batch "
            f"holds one size, and what is published keeps its pixels: ingest with --crop-side {graph}, or into another "
            "data folder (--data)."
        )


class OtherExtractor(IngestError):
    """A worker computes other features than the command."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"A worker computes other {name} features than this command: its libraries, its device or the file of "
            "weights differ. Install the same on every machine, leave the file alone, and run the same command again."
        )


class MissingPackage(IngestError):
    """A package that an extractor needs is not installed."""

    def __init__(self, package: str, extractor: str) -> None:
        self.package = package
        super().__init__(
            f"The extractor {extractor} needs {package}, which is not installed. Install what networks need: "
            'pip install "affinity-graph[networks]"; or use --features hog, which needs none of it.'
        )


class UnreadableWeights(IngestError):
    """A file of a network's weights cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"The weights {shown(path)} cannot be read: {reason}. Name a .safetensors file or a state dict of torch; "
            "for trunk:FILE the .safetensors that `affinity train` left, with its .json beside it."
        )


class WrongWeights(IngestError):
    """A file of weights is of another network: `misfit` names what does not fit."""

    def __init__(self, path: Path, architecture: str, misfit: str) -> None:
        self.path = path
        self.misfit = misfit
        super().__init__(
            f"The weights {shown(path)} are not those of {architecture}. {misfit[:1].upper()}{misfit[1:]}. "
            "Name the file of this network, or the network of this file."
        )


class DamagedFeatures(IngestError):
    """A feature file is missing or cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"The feature file {path} is unusable: {reason}. Delete it; the next ingest makes it again.")


class DamagedViews(IngestError):
    """A file of views cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"The file of views {path} is unusable: {reason}. Delete it; until its video is mined again, with "
            "--remine, its copies are not told from look-alikes."
        )


class DamagedFit(IngestError):
    """A fit is missing or cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"The fit {path} is unusable: {reason}. Make a new one: `affinity cluster --refit`.")


class NothingToCluster(IngestError):
    """No start has a usable feature."""

    def __init__(self, starts: int) -> None:
        self.starts = starts
        super().__init__(
            f"None of {starts} starts has a usable feature (all are blank or not finite). "
            "Ingest more videos, or other ones: mining must find patches that show something."
        )


class BadLabels(IngestError):
    """A file of labels cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"The labels {path} cannot be used: {reason}. "
            "A CSV with the columns video, class, instance and lookalike is needed."
        )


class WorkerDied(IngestError):
    """A worker process was killed, usually by the kernel for want of memory; `tasks` are those that were under way."""

    def __init__(self, tasks: Iterable[object]) -> None:
        self.files = sorted(task for task in tasks if isinstance(task, Path))
        at_work = f" The files under way were {', '.join(map(shown, self.files))}." if self.files else ""
        super().__init__(
            f"A worker process was killed, most likely because memory ran out.{at_work} What was stored is kept: run "
            "the same command again to go on, with fewer --workers if it happens again, or without the file that "
            "does it."
        )


class MissingRay(IngestError):
    """Ray was asked for and is not installed."""

    def __init__(self) -> None:
        super().__init__("The engine ray needs Ray, which is not installed: pip install 'affinity-graph[ingest,ray]'.")


class ClusterUnavailable(IngestError):
    """Ray cannot be reached, or failed by itself."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        super().__init__(
            f"The Ray cluster at {address} cannot be used: {reason.rstrip('.')}. See with `ray status` that it runs, "
            "and that every machine of it has the same versions of Python, Ray and affinity-graph[ingest,ray]. What "
            "was stored is kept: run the same command again to go on."
        )


class NotShared(IngestError):
    """A machine of the cluster does not see a file that it needs."""

    def __init__(self, machine: str, path: Path) -> None:
        self.machine = machine
        self.path = path
        super().__init__(
            f"The machine {machine} of the Ray cluster does not see {shown(path)}. Videos and data folder must lie on "
            "a file system that all machines share, under the same path."
        )


class UnusedAddress(IngestError):
    """An address was given to an engine that has none."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"The address {address} is of a Ray cluster: add --engine ray to work on it.")


class NothingIngested(IngestError):
    """The graph holds no video with tracks of this length."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        super().__init__(
            f"The graph holds no video that was mined with tracks of {frames} frames. "
            "Ingest some first: `affinity ingest PATH`; or name another length with --track-frames."
        )


class NothingToShow(IngestError):
    """A snapshot holds nothing of the kind that was asked for."""

    def __init__(self, snapshot: str, what: str, why: str) -> None:
        self.snapshot = snapshot
        super().__init__(f"Snapshot {snapshot} has no {what} to show: {why}.")


class UnusableSheet(IngestError):
    """A contact sheet cannot be written where it was asked for."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"The sheet {path} cannot be written: {reason}.")
