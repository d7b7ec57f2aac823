"""The index of a snapshot: how many pairs of each kind it has, and how to read a pair by its index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphdb.model import Ends, Integers, Patches, Snapshot, Texts, start_of
from graphdb.store.graph import GraphStore

TRACKS_PER_QUERY = 1_000
"""Tracks that one query reads to find a second group."""
GROUP_BYTES = 100
"""Approximate size of the name of a group in memory."""


@dataclass(frozen=True, eq=False, slots=True)
class SegmentKeys:
    """The keys of a snapshot's relationships of one type. The keys of segment i are consecutive, from `first[i]` on."""

    first: Integers
    end: Integers
    """Prefix sums: segment i holds the indices from `end[i - 1]` (0 for the first) up to `end[i]`."""

    @classmethod
    def of(cls, first: Integers, count: Integers) -> SegmentKeys:
        return cls(first, np.cumsum(count))

    @property
    def total(self) -> int:
        return int(self.end[-1]) if len(self.end) else 0

    def at(self, index: Integers) -> list[int]:
        """Return the keys of the relationships with these indices in [0, total)."""
        segment = self.segment(index)
        begin = np.concatenate([[0], self.end])[segment]
        keys: list[int] = (self.first[segment] + index - begin).tolist()
        return keys

    def segment(self, index: Integers) -> Integers:
        """Return the segment that holds each of these indices."""
        return np.searchsorted(self.end, index, side="right")


class Pairs(NamedTuple):
    """Pairs in columns. `similarity` is that of the INTER edge of a pair; nan if it has none."""

    anchor: Patches
    positive: Patches
    similarity: NDArray[np.float64]

    def at(self, rows: slice | Integers) -> Pairs:
        """Return these rows, in this order."""
        return Pairs(self.anchor.at(rows), self.positive.at(rows), self.similarity[rows])

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """Concatenate the parts."""
        anchor, positive, similarity = zip(*parts, strict=True)
        return cls(Patches.joined(anchor), Patches.joined(positive), np.concatenate(similarity))


@dataclass(frozen=True, eq=False, slots=True)
class SnapshotIndex:
    """A snapshot with the keys of its pairs. Immutable, as the snapshot is."""

    snapshot: Snapshot
    inter: SegmentKeys
    intra: SegmentKeys
    group: Texts
    """The group of the patches that the INTER edges of each segment connect."""
    has_two_groups: bool

    @property
    def sizes(self) -> dict[str, int]:
        """The number of pairs of each kind."""
        return {"transitive": 3 * self.inter.total, "inter": self.inter.total, "intra": self.intra.total}

    @property
    def nbytes(self) -> int:
        keys = sum(keys.first.nbytes + keys.end.nbytes for keys in (self.inter, self.intra))
        return keys + GROUP_BYTES * len(self.group)


def read_snapshot_index(store: GraphStore, id: str) -> SnapshotIndex:
    """Read the index of the snapshot with this id. Raises SnapshotNotFound and SnapshotGone."""
    snapshot = store.snapshot(id)
    segments = store.segments(id)
    inter = SegmentKeys.of(segments.inter_first, segments.inter_count)
    intra = SegmentKeys.of(segments.intra_first, segments.intra_count)
    if intra.total != snapshot.counts.intra:
        store.snapshot(id)  # raises SnapshotGone if the snapshot ended between the two reads
    return SnapshotIndex(snapshot, inter, intra, segments.inter_parent, _has_two_groups(store, snapshot, intra))


def read_pairs(store: GraphStore, index: SnapshotIndex, kind: str, pair: Integers) -> Pairs:
    """Read the pairs of one kind with these indices, by one query."""
    fit, frames = index.snapshot.fit, index.snapshot.frames
    if kind == "intra":
        rows = store.sample_intra(index.intra.at(pair), fit)
        return Pairs(rows.start, rows.end, np.full(len(pair), np.nan))
    edge, ends = transitive_edges(pair) if kind == "transitive" else (pair, (np.zeros(len(pair), bool),) * 2)
    edges = store.sample_inter(index.inter.at(edge), index.group[index.inter.segment(edge)], ends, frames)
    return Pairs(edges.a, edges.b, edges.similarity)


def transitive_edges(index: Integers) -> tuple[Integers, Ends]:
    """Return the INTER edge of each transitive pair, and which of the pair's patches are ends of tracks (Sec. 5).

    An edge A–B gives three pairs: ⟨A, B'⟩, ⟨A', B⟩ and ⟨A', B'⟩.
    """
    edge, which = np.divmod(index, 3)
    return edge, (which != 0, which != 1)


def pair_path(anchor: str, positive: str) -> list[str]:
    """Return the ids of the patches from the anchor of a pair to its positive, over the starts of their tracks."""
    return list(dict.fromkeys((anchor, start_of(anchor), start_of(positive), positive)))


def _has_two_groups(store: GraphStore, snapshot: Snapshot, intra: SegmentKeys) -> bool:
    """Read tracks spread over the whole snapshot, then those between them, until a second group is found."""
    groups: set[str] = set()
    stride = -(-intra.total // TRACKS_PER_QUERY)
    for begin in range(stride):
        rows = store.sample_intra(intra.at(np.arange(begin, intra.total, stride)), snapshot.fit)
        groups.update(rows.start.group.tolist())
        if len(groups) > 1:
            return True
    return False
