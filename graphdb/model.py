"""The values that the graph holds, and the ids of its nodes; see docs/reference/graph-model.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

LABELS = (
    *("Store", "Counter", "Shard", "Video", "Patch", "Start", "End", "Frame"),
    *("Parent", "Child", "Segment", "Snapshot"),
)
"""The labels of the nodes that Affinity Graph writes."""
MAX_LABELS_SHOWN = 8
"""Labels that an error message names."""

Integers: TypeAlias = NDArray[np.int64]
Texts: TypeAlias = NDArray[np.object_]
"""A column of strings."""
Ends: TypeAlias = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""For A and for B of each INTER edge (A, B): whether the end of its track is meant instead of the start."""


def digest(*parts: str) -> str:
    """Hash some strings to 16 hex digits, the same on every machine."""
    hasher = blake2b(digest_size=8)
    for part in parts:
        hasher.update(part.encode())
        hasher.update(b"\0")
    return hasher.hexdigest()


def intra_segment_id(video: str, mining: str, frames: int, lines: Iterable[str]) -> str:
    """Return the id of a segment of tracks. A line reads `<start id> <end id>`."""
    return digest("intra", video, mining, str(frames), *sorted(lines))


def inter_segment_id(parent: str, inputs: str, lines: Iterable[str]) -> str:
    """Return the id of a segment of INTER edges. A line reads `<lower id> <higher id>`."""
    return digest("inter", parent, inputs, *sorted(lines))


def snapshot_id(fit: str | None, frames: int, settings: Mapping[str, Any], segments: Iterable[str]) -> str:
    """Return the id of a snapshot of these segments."""
    return digest("snapshot", fit or "", str(frames), settings_text(settings), *sorted(segments))


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return the settings of a snapshot as the graph stores them: JSON, equal for equal settings."""
    return json.dumps(settings, sort_keys=True)


class Location(NamedTuple):
    """Where an image is in the archive: `size` bytes from byte `offset` of the tar shard."""

    shard: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Video:
    """A mined video.

    `id` is the first 16 hex digits of the BLAKE2b hash of the file. `mining` is the digest of the settings that the
    video was last mined with. `crop` is the side of the images of its patches, in pixels. `duration` is in seconds.
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
    """A square crop of one frame. `x`, `y` and `side` are pixels of the frame as displayed; `time` is in seconds."""

    id: str
    frame: int
    time: float
    x: int
    y: int
    side: int
    motion: float
    location: Location
    shot: int | None = None
    """Number of the first frame of its shot. Only starts have it, and not those of older graphs."""
    thing: int | None = None
    """Number of the thing in its video. Only starts have it, where mining follows things."""


class Take(NamedTuple):
    """What decides which other starts of a video may compete with a start: its shot, its thing, and its time."""

    shot: int
    thing: int | None
    time: float


@dataclass(frozen=True, slots=True)
class Track:
    """Two patches of one object, `frames` frames apart (Sec. 4.3). `frame` is the whole frame of the start, if kept."""

    start: Patch
    end: Patch
    frames: int
    frame: Location | None


def start_id(video: str, frame: int, x: int, y: int, side: int) -> str:
    return f"{video}-{frame:08d}-{x}-{y}-{side}"


def end_id(start: str, frames: int) -> str:
    return f"{start}-e{frames}"


def start_of(patch: str) -> str:
    """Return the id of the start of the patch's track; a start is its own."""
    return patch.partition("-e")[0]


def frame_id(video: str, frame: int) -> str:
    return f"{video}-{frame:08d}"


def video_of(patch: str) -> str:
    """Return the id of the video that a patch comes from."""
    return patch.partition("-")[0]


def frame_number(patch: str) -> int:
    """Return the number of the frame that the patch's track starts in."""
    return int(patch.split("-", 2)[1])


def parent_id(fit: str, number: int) -> str:
    return f"{fit}-{number:05d}"


Copy: TypeAlias = tuple[str, str, float]
"""Two videos that show the same footage: lower id, higher id, and their similarity, at most 1."""


@dataclass(frozen=True, slots=True)
class InterEdges:
    """One version of one parent's INTER edges and child clusters (Sec. 4.2).

    `edges` are sorted triples (lower id, higher id, cosine similarity). `children` are sorted tuples of ids, four each
    by default. `inputs` is the digest of what they were computed from: the settings and the starts that took part.
    """

    parent: str
    inputs: str
    edges: Sequence[tuple[str, str, float]]
    children: Sequence[tuple[str, ...]]
    copies: Sequence[Copy] = ()
    """Pairs of videos that were found to show the same footage, sorted."""

    @property
    def segment(self) -> str:
        """The id of the segment that holds these edges."""
        return inter_segment_id(self.parent, self.inputs, (f"{a} {b}" for a, b, _ in self.edges))


class LinkedParent(NamedTuple):
    """What linking one parent wrote to the graph: the id of the segment, and the copies that were found."""

    segment: str
    copies: Sequence[Copy]


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of a snapshot."""

    videos: int
    patches: int
    intra: int
    inter: int
    children: int
    parents: int

    @property
    def transitive(self) -> int:
        """Transitive pairs: each INTER edge joins two starts with a track each, which makes three pairs (Sec. 5)."""
        return 3 * self.inter


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable list of segments, which a trainer trains on. Times are ISO 8601, in UTC."""

    id: str
    created: str
    published: str
    fit: str | None
    frames: int
    settings: dict[str, Any]
    counts: Counts
    recipe: dict[str, Any] | None = None
    """How to load its feature extractor again. It names files of this machine, so it is not part of the id, and the
    service does not show it."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of a snapshot, in id order. Segment i of a kind holds `count[i]` keys, from `first[i]` on."""

    inter_first: Integers
    inter_count: Integers
    inter_parent: Texts
    """The id of the parent of each segment: the group of the patches that its edges join."""
    intra_first: Integers
    intra_count: Integers


class Patches(NamedTuple):
    """Patches in columns, for sampling: a service reads thousands for every batch.

    The image of row i is in `shard[i]`, `size[i]` bytes from byte `offset[i]`. Patches of one group are never negatives
    of each other (Sec. 6).
    """

    id: Texts
    group: Texts
    shard: Texts
    offset: Integers
    size: Integers

    def at(self, rows: slice | Integers) -> Patches:
        """Return these rows, in this order."""
        return Patches(self.id[rows], self.group[rows], self.shard[rows], self.offset[rows], self.size[rows])

    @classmethod
    def joined(cls, parts: Sequence[Patches]) -> Patches:
        """Concatenate the rows of all parts."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class Frames(NamedTuple):
    """Whole frames in columns, for sampling. The image of row i is found as that of a patch."""

    id: Texts
    shard: Texts
    offset: Integers
    size: Integers

    def at(self, rows: Integers) -> Frames:
        """Return these rows, in this order."""
        return Frames(self.id[rows], self.shard[rows], self.offset[rows], self.size[rows])


@dataclass(frozen=True, slots=True)
class InterRows:
    """INTER edges by key: row i is the edge (A, B) of key i.

    `a` holds A or the end of A's track, and `b` holds B or the end of B's track.
    """

    a: Patches
    b: Patches
    similarity: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IntraRows:
    """Tracks by key: row i holds the start and the end of the track of key i."""

    start: Patches
    end: Patches


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A patch one relationship away: `similarity` is set for INTER, `frames` for INTRA."""

    id: str
    similarity: float | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class PatchDetail:
    """A patch and its neighbors in the graph."""

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
    """A track, and what is needed of its video to draw it. `width` is the width of the video's frames in pixels."""

    track: Track
    uri: str
    width: int


@dataclass(frozen=True, slots=True)
class ChildCluster:
    """Starts that look alike, four by default. `similarities` are those of its INTER edges, in rising order."""

    id: str
    members: Sequence[str]
    similarities: Sequence[float]


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    """What a database holds, written by Affinity Graph or by others."""

    database: str
    nodes: int
    relationships: int
    labels: list[str]
    clashes: list[str]
    """Labels and relationship types in it that Affinity Graph uses too."""

    def __str__(self) -> str:
        shown = ", ".join(f":{label}" for label in sorted(self.labels)[:MAX_LABELS_SHOWN])
        labels = f" ({shown}{', …' if len(self.labels) > MAX_LABELS_SHOWN else ''})" if shown else ""
        nodes, relationships = count_of(self.nodes, "node"), count_of(self.relationships, "relationship")
        return f"{nodes}{labels} and {relationships} that Affinity Graph did not write"


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
