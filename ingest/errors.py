"""Everything that can go wrong between videos and the graph.

IngestError
  x SettingsError        a setting has a value that cannot be used
    - UnreadableSetting  a value is not of the setting's type
  x UnknownSetting       no setting has this name
  x NoSuchVideo          the graph holds no video of this name, or several
  x UnreadableVideo      a file cannot be decoded as video
  x OtherCrops           crops were asked for in another size than the graph's
  x UnknownExtractor     no feature extractor has this name
  x MissingPackage       a package that an extractor needs is not installed
  x UnreadableWeights    a file of a network's weights cannot be read
  x WrongWeights         a file of weights is of another network
  x DamagedFile          a file of the data folder is missing or cannot be read
  x DamagedFit           a fit is missing or cannot be read
  x NothingToCluster     no start has a usable feature
  x BadLabels            a file of labels cannot be read
  x WorkerDied           a worker process was killed
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


class SettingsError(IngestError):
    """A setting has a value that cannot be used."""

    def __init__(self, setting: str, value: object, allowed: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"The setting {setting} is {value!r}; it must be {allowed}.")


class UnreadableSetting(SettingsError):
    """A value that was given as text is not of the setting's type."""


class UnknownSetting(IngestError):
    """No setting has this name."""

    def __init__(self, setting: str, known: Iterable[str]) -> None:
        self.setting = setting
        super().__init__(f"There is no setting {setting!r}; write --set NAME=VALUE with one of: {', '.join(known)}.")


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
            f"The crops of this graph have sides of {graph} pixels, and the setting crop asks for {crop}. A batch "
            f"holds one size, and what is published keeps its pixels: ingest with --set crop={graph}, or into another "
            "data folder (--data)."
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


class DamagedFile(IngestError):
    """A file of the data folder is missing or cannot be read."""

    def __init__(self, what: str, path: Path, reason: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"The {what} {path} is unusable: {reason}. {remedy}.")


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
    """A worker process was killed; `files` are the files that it and the other workers were processing."""

    def __init__(self, tasks: Iterable[object]) -> None:
        self.files = sorted(task for task in tasks if isinstance(task, Path))
        in_progress = f" These files were in progress: {', '.join(map(shown, self.files))}." if self.files else ""
        super().__init__(
            f"A worker process was killed, most likely because memory ran out.{in_progress} What was stored is kept: "
            "run the same command again to go on. If it happens again, use fewer --workers, or leave out the file that "
            "causes it."
        )


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
