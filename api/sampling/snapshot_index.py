"""A snapshot as sampling reads it: how many pairs of each kind it has, and the rows of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphdb.model import Ends, Integers, Patches, Snapshot, Texts, start_of
from graphdb.store.graph import GraphStore

PROBE = 1_000
"""Tracks that one query looks at for a second group."""
GROUP_BYTES = 100
"""About what the name of a group takes in memory."""


@dataclass(frozen=True, eq=False, slots=True)
class Keys:
    """The keys of a snapshot's relationships of one type: segment i holds `first[i]` and those that follow."""

    first: Integers
    end: Integers
    """Prefix sums: segment i holds the indices below `end[i]` that no segment before it holds."""

    @classmethod
    def of(cls, first: Integers, count: Integers) -> Keys:
        return cls(first, np.cumsum(count))

    @property
    def total(self) -> int:
        return int(self.end[-1]) if len(self.end) else 0

    def at(self, index: Integers) -> list[int]:
        """The keys of the relationships with these indices in [0, total)."""
        segment = self.segment(index)
        begin = np.concatenate([[0], self.end])[segment]
        keys: list[int] = (self.first[segment] + index - begin).tolist()
        return keys

    def segment(self, index: Integers) -> Integers:
        """The segment that holds each of these indices."""
        return np.searchsorted(self.end, index, side="right")


class Pairs(NamedTuple):
    """Pairs in columns; `similarity` is that of their INTER step, nan where they have none."""

    anchor: Patches
    positive: Patches
    similarity: NDArray[np.float64]

    def at(self, rows: slice | Integers) -> Pairs:
        """These rows, in this order."""
        return Pairs(self.anchor.at(rows), self.positive.at(rows), self.similarity[rows])

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """One after another."""
        anchor, positive, similarity = zip(*parts, strict=True)
        return cls(Patches.joined(anchor), Patches.joined(positive), np.concatenate(similarity))


@dataclass(frozen=True, eq=False, slots=True)
class SnapshotIndex:
    """A snapshot with what turns the index of a pair into a key. Immutable, as the snapshot is."""

    snapshot: Snapshot
    inter: Keys
    intra: Keys
    group: Texts
    """What each segment's INTER edges join is of this group."""
    has_two_groups: bool

    @property
    def sizes(self) -> dict[str, int]:
        """How many pairs there are of each kind."""
        return {"transitive": 3 * self.inter.total, "inter": self.inter.total, "intra": self.intra.total}

    @property
    def nbytes(self) -> int:
        keys = sum(keys.first.nbytes + keys.end.nbytes for keys in (self.inter, self.intra))
        return keys + GROUP_BYTES * len(self.group)


def read_source(store: GraphStore, id: str) -> SnapshotIndex:
    """The snapshot with this id. Raises SnapshotNotFound and SnapshotGone."""
    snapshot = store.snapshot(id)
    segments = store.segments(id)
    inter = Keys.of(segments.inter_first, segments.inter_count)
    intra = Keys.of(segments.intra_first, segments.intra_count)
    if intra.total != snapshot.counts.intra:
        store.snapshot(id)  # it ended between the two reads
    return SnapshotIndex(snapshot, inter, intra, segments.inter_parent, _has_two_groups(store, snapshot, intra))


def read_pairs(store: GraphStore, source: SnapshotIndex, kind: str, index: Integers) -> Pairs:
    """The pairs of one kind with these indices, by one query."""
    if kind == "intra":
        rows = store.sample_intra(source.intra.at(index), source.snapshot.fit)
        return Pairs(rows.start, rows.end, np.full(len(index), np.nan))
    edge, ends = derived(index) if kind == "transitive" else (index, (np.zeros(len(index), bool),) * 2)
    edges = store.sample_inter(
        source.inter.at(edge), source.group[source.inter.segment(edge)], ends, source.snapshot.frames
    )
    return Pairs(edges.a, edges.b, edges.similarity)


def derived(index: Integers) -> tuple[Integers, Ends]:
    """The INTER edge that each transitive pair comes from, and which of its sides is an end (Sec. 5).

    An edge A–B derives three: ⟨A, B'⟩, ⟨A', B⟩ and ⟨A', B'⟩.
    """
    edge, which = np.divmod(index, 3)
    return edge, (which != 0, which != 1)


def path(anchor: str, positive: str) -> list[str]:
    """The ids of the patches from the anchor of a pair to its positive, over the starts of their tracks."""
    return list(dict.fromkeys((anchor, start_of(anchor), start_of(positive), positive)))


def _has_two_groups(store: GraphStore, snapshot: Snapshot, intra: Keys) -> bool:
    """Looks at tracks spread over the whole snapshot, then at those between them, until a second group turns up."""
    groups: set[str] = set()
    stride = -(-intra.total // PROBE)
    for begin in range(stride):
        rows = store.sample_intra(intra.at(np.arange(begin, intra.total, stride)), snapshot.fit)
        groups.update(rows.start.group.tolist())
        if len(groups) > 1:
            return True
    return False
