"""The vocabulary: what the graph holds, as frozen values. Labels and types are those of docs/design.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

IDS = "utf-8"
LABELS = (
    *("Store", "Counter", "Shard", "Video", "Patch", "Start", "End", "Frame"),
    *("Parent", "Child", "Segment", "Snapshot"),
)
"""The labels of our nodes."""

Integers: TypeAlias = NDArray[np.int64]
Texts: TypeAlias = NDArray[np.object_]
"""Strings in a column."""
Ends: TypeAlias = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Of the two sides of INTER edges, whether the end of the start's track is meant instead of the start."""


def digest(*parts: str) -> str:
    """16 hex digits that name content: the same parts give the same name, on any machine."""
    hasher = blake2b(digest_size=8)
    for part in parts:
        hasher.update(part.encode(IDS))
        hasher.update(b"\0")
    return hasher.hexdigest()


def intra_segment_id(video: str, mining: str, frames: int, lines: Iterable[str]) -> str:
    """The id of a segment of tracks; a line reads `<start id> <end id>`."""
    return digest("intra", video, mining, str(frames), *sorted(lines))


def inter_segment_id(parent: str, inputs: str, lines: Iterable[str]) -> str:
    """The id of a segment of INTER edges; a line reads `<lower id> <higher id>`."""
    return digest("inter", parent, inputs, *sorted(lines))


def snapshot_id(fit: str | None, frames: int, settings: Mapping[str, Any], segments: Iterable[str]) -> str:
    """The id of a snapshot of these segments."""
    return digest("snapshot", fit or "", str(frames), settings_text(settings), *sorted(segments))


def settings_text(settings: Mapping[str, Any]) -> str:
    """The settings of a snapshot as the graph keeps them: JSON, the same for the same settings."""
    return json.dumps(settings, sort_keys=True)


class Location(NamedTuple):
    """Where the bytes of an image lie: `size` bytes from `offset` in the tar shard."""

    shard: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Video:
    """`id` is the first 16 hex digits of the BLAKE2b of the file; `mining` of the settings it was mined with last.

    `crop` is the side of its patches' images, in pixels.
    """

    id: str
    uri: str
    fps: float
    width: int
    height: int
    frames: int
    duration: float
    mining: str
    crop: int


@dataclass(frozen=True, slots=True)
class Patch:
    """A square crop of one frame; x, y and side are pixels of the frame as shown, time is in seconds."""

    id: str
    frame: int
    time: float
    x: int
    y: int
    side: int
    motion: float
    location: Location


@dataclass(frozen=True, slots=True)
class Track:
    """One instance seen twice, `frames` frames apart (Sec. 4.3); `frame` is the whole frame of the start, if kept."""

    start: Patch
    end: Patch
    frames: int
    frame: Location | None


def start_id(video: str, frame: int, x: int, y: int, side: int) -> str:
    return f"{video}-{frame:08d}-{x}-{y}-{side}"


def end_id(start: str, frames: int) -> str:
    return f"{start}-e{frames}"


def start_of(patch: str) -> str:
    """The id of the start that a patch is, or is the end of."""
    return patch.partition("-e")[0]


def frame_id(video: str, frame: int) -> str:
    return f"{video}-{frame:08d}"


def video_of(patch: str) -> str:
    """The id of the video that a patch comes from."""
    return patch.partition("-")[0]


def frame_number(patch: str) -> int:
    """The number of the frame that a patch starts in."""
    return int(patch.split("-", 2)[1])


def parent_id(fit: str, number: int) -> str:
    return f"{fit}-{number:05d}"


Copy: TypeAlias = tuple[str, str, float]
"""Two videos that show the same footage: lower id, higher id, and how alike they are, of 1."""


@dataclass(frozen=True, slots=True)
class InterEdges:
    """One version of one parent's INTER edges and child clusters (Sec. 4.2).

    `edges` are (lower id, higher id, cosine similarity), sorted; `children` are four ids each, sorted.
    `inputs` names what they were computed from: the settings and the members that competed.
    """

    parent: str
    inputs: str
    edges: Sequence[tuple[str, str, float]]
    children: Sequence[tuple[str, ...]]
    copies: Sequence[Copy] = ()
    """Videos found to show the same footage on the way, sorted."""

    @property
    def segment(self) -> str:
        """The id of the segment that holds them."""
        return inter_segment_id(self.parent, self.inputs, (f"{a} {b}" for a, b, _ in self.edges))


class LinkedParent(NamedTuple):
    """What linking one parent left in the graph: the id of the segment, and the copies found on the way."""

    segment: str
    copies: Sequence[Copy]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a snapshot holds."""

    videos: int
    patches: int
    intra: int
    inter: int
    children: int
    parents: int

    @property
    def transitive(self) -> int:
        """Each INTER edge joins two starts with a track each, and so derives three pairs (Sec. 5)."""
        return 3 * self.inter


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a trainer trains on: an immutable list of segments. Times are ISO 8601, UTC."""

    id: str
    created: str
    published: str
    fit: str | None
    frames: int
    settings: dict[str, Any]
    counts: Counts
    recipe: dict[str, Any] | None = None
    """How its extractor was asked for, with files of this machine: no part of its id, and nothing for strangers."""


@dataclass(frozen=True, slots=True)
class Segments:
    """A snapshot's segments, in id order: segment i of a kind holds the keys first[i] … first[i] + count[i] − 1."""

    inter_first: Integers
    inter_count: Integers
    inter_parent: Texts
    """The id of the parent whose edges they are: the group of all that they join."""
    intra_first: Integers
    intra_count: Integers


class Patches(NamedTuple):
    """Patches as sampling needs them, in columns: a service reads thousands for every batch.

    The image of row i lies in `shard[i]`, `size[i]` bytes from `offset[i]` on; its group decides which negatives it
    may have (Sec. 6).
    """

    id: Texts
    group: Texts
    shard: Texts
    offset: Integers
    size: Integers

    def at(self, rows: slice | Integers) -> Patches:
        """These rows, in this order."""
        return Patches(self.id[rows], self.group[rows], self.shard[rows], self.offset[rows], self.size[rows])

    @classmethod
    def joined(cls, parts: Sequence[Patches]) -> Patches:
        """One after another."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class Frames(NamedTuple):
    """Whole frames as sampling needs them, in columns: the image of row i lies where that of a patch would."""

    id: Texts
    shard: Texts
    offset: Integers
    size: Integers

    def at(self, rows: Integers) -> Frames:
        """These rows, in this order."""
        return Frames(self.id[rows], self.shard[rows], self.offset[rows], self.size[rows])


@dataclass(frozen=True, slots=True)
class InterRows:
    """Row i answers key i: A –INTER– B, with A or the end of its track in `a`, and B or the end of its own in `b`."""

    a: Patches
    b: Patches
    similarity: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IntraRows:
    """Row i answers key i: a track, from its start to its end."""

    start: Patches
    end: Patches


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A patch one relationship away; `similarity` is set for INTER, `frames` for INTRA."""

    id: str
    similarity: float | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class PatchDetail:
    """A patch with what is joined to it."""

    patch: Patch
    role: str
    """`start` or `end`."""
    video: str
    uri: str
    frame: Location | None
    parents: Sequence[str]
    intra: Sequence[Neighbor]
    inter: Sequence[Neighbor]


@dataclass(frozen=True, slots=True)
class ShownTrack:
    """A track with what drawing it needs of its video; `width` is that of the video's frames, in pixels."""

    track: Track
    uri: str
    width: int


@dataclass(frozen=True, slots=True)
class ChildCluster:
    """Four starts that look alike; `similarities` are those of its INTER edges, rising."""

    id: str
    members: Sequence[str]
    similarities: Sequence[float]


NAMED = 8
"""Labels that a sentence names."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a database holds, whoever wrote it."""

    database: str
    nodes: int
    relationships: int
    labels: list[str]
    taken: list[str]
    """Labels and relationship types that we write too."""

    def __str__(self) -> str:
        named = ", ".join(f":{label}" for label in sorted(self.labels)[:NAMED])
        labeled = f" ({named}{', …' if len(self.labels) > NAMED else ''})" if named else ""
        nodes, relationships = number(self.nodes, "node"), number(self.relationships, "relationship")
        return f"{nodes}{labeled} and {relationships} that Affinity Graph did not write"


def number(count: int, of: str) -> str:
    return f"{count:,} {of}" if count == 1 else f"{count:,} {of}s"
