"""A snapshot as sampling reads it: how many pairs of each kind it has, and the rows of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.order import Integers
from graphdb.model import InterRows, IntraRows, PatchRef, Snapshot
from graphdb.store import GraphStore

PROBE = 1_000
"""Tracks that one query looks at for a second group."""


@dataclass(frozen=True, eq=False, slots=True)
class Keys:
    """The keys of a snapshot's relationships of one type: segment i holds `first[i]` and those that follow."""

    first: NDArray[np.int64]
    end: NDArray[np.int64]
    """Prefix sums: segment i holds the indices below `end[i]` that no segment before it holds."""

    @classmethod
    def of(cls, first: Integers, count: Integers) -> Keys:
        return cls(first, np.cumsum(count))

    @property
    def total(self) -> int:
        return int(self.end[-1]) if len(self.end) else 0

    def at(self, index: Integers) -> list[int]:
        """The keys of the relationships with these indices in [0, total)."""
        segment = np.searchsorted(self.end, index, side="right")
        begin = np.concatenate([[0], self.end])[segment]
        keys: list[int] = (self.first[segment] + index - begin).tolist()
        return keys


class Pair(NamedTuple):
    """A pair as a path in the graph: from the anchor over `steps`, such as INTER and INTRA, to the positive."""

    path: tuple[PatchRef, ...]
    steps: tuple[str, ...]
    similarity: float | None = None
    """Of the INTER step, where there is one."""

    @property
    def anchor(self) -> PatchRef:
        return self.path[0]

    @property
    def positive(self) -> PatchRef:
        return self.path[-1]


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """A snapshot with what turns the index of a pair into a key. Immutable, as the snapshot is."""

    snapshot: Snapshot
    inter: Keys
    intra: Keys
    has_two_groups: bool

    @property
    def sizes(self) -> dict[str, int]:
        """How many pairs there are of each kind."""
        return {"transitive": 3 * self.inter.total, "inter": self.inter.total, "intra": self.intra.total}

    @property
    def nbytes(self) -> int:
        return sum(keys.first.nbytes + keys.end.nbytes for keys in (self.inter, self.intra))


def read_source(store: GraphStore, id: str) -> Source:
    """The snapshot with this id. Raises SnapshotNotFound and SnapshotGone."""
    snapshot = store.snapshot(id)
    segments = store.segments(id)
    inter = Keys.of(segments.inter_first, segments.inter_count)
    intra = Keys.of(segments.intra_first, segments.intra_count)
    if intra.total != snapshot.counts.intra:
        store.snapshot(id)  # it ended between the two reads
    return Source(snapshot, inter, intra, _has_two_groups(store, snapshot, intra))


def read_pairs(store: GraphStore, source: Source, kind: str, index: Integers) -> Iterator[Pair]:
    """The pairs of one kind with these indices, by one query."""
    if kind == "intra":
        return intra_pairs(store.sample_intra(source.intra.at(index), source.snapshot.fit))
    edge = index // 3 if kind == "transitive" else index
    rows = store.sample_inter(source.inter.at(edge), source.snapshot.frames, source.snapshot.fit)
    return transitive_pairs(rows, index % 3) if kind == "transitive" else inter_pairs(rows)


def intra_pairs(rows: IntraRows) -> Iterator[Pair]:
    """One instance, two viewpoints (Sec. 4.3)."""
    for path in zip(rows.start, rows.end, strict=True):
        yield Pair(path, ("INTRA",))


def inter_pairs(rows: InterRows) -> Iterator[Pair]:
    """Two instances that look alike (Sec. 4.2)."""
    for a, b, similarity in zip(rows.a, rows.b, rows.similarity, strict=True):
        yield Pair((a, b), ("INTER",), similarity)


def transitive_pairs(rows: InterRows, derived: Integers) -> Iterator[Pair]:
    """Two instances, two viewpoints (Sec. 5): 0 derives A to B' from an INTER edge A–B, 1 A' to B, 2 A' to B'."""
    columns = zip(derived.tolist(), rows.a_end, rows.a, rows.b, rows.b_end, rows.similarity, strict=True)
    for which, a_end, a, b, b_end, similarity in columns:
        if which == 0:
            yield Pair((a, b, b_end), ("INTER", "INTRA"), similarity)
        elif which == 1:
            yield Pair((a_end, a, b), ("INTRA", "INTER"), similarity)
        else:
            yield Pair((a_end, a, b, b_end), ("INTRA", "INTER", "INTRA"), similarity)


def _has_two_groups(store: GraphStore, snapshot: Snapshot, intra: Keys) -> bool:
    """Looks at tracks spread over the whole snapshot, then at those between them, until a second group turns up."""
    groups: set[str] = set()
    stride = -(-intra.total // PROBE)
    for begin in range(stride):
        rows = store.sample_intra(intra.at(np.arange(begin, intra.total, stride)), snapshot.fit)
        groups.update(patch.group for patch in rows.start)
        if len(groups) > 1:
            return True
    return False
