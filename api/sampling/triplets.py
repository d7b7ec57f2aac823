"""From positions to rows: what the order says stands there, read from the graph in windows.

A window is 4,000 consecutive positions, read by one query for each kind of pair in it; while it is used up, the next
two are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.errors import NegativesExhausted, TooFewGroups
from api.sampling.cache import GraphCache
from api.sampling.negatives import MAX_DRAWS, PATCH_BYTES, Drawn, from_batch, from_graph
from api.sampling.order import Mix, draw, places
from api.sampling.snapshot_index import Pairs, SnapshotIndex, read_pairs
from graphdb.model import Integers, IntraRows, Patches, Texts
from graphdb.store.graph import GraphStore

WINDOW = 4_000
"""Positions: a query costs Neo4j as much as hundreds of pairs in it do, and makes who comes first wait for all."""
AHEAD = 2
"""Windows: the graph still reads one where another came early."""


@dataclass(frozen=True, slots=True)
class Query:
    """A request, but for its snapshot: with it, the only things that an answer depends on."""

    seed: int
    mix: Mix
    negatives: str
    position: int
    count: int

    def as_dict(self) -> dict[str, int | str]:
        return {
            "seed": self.seed,
            "mix": str(self.mix),
            "negatives": self.negatives,
            "position": self.position,
            "count": self.count,
        }


class Window(NamedTuple):
    """What stands at consecutive positions: all that are read at a time, or the part that a query asks for."""

    kind: Texts
    epoch: Integers
    pairs: Pairs

    @property
    def nbytes(self) -> int:
        return 2 * PATCH_BYTES * len(self.kind)

    def at(self, rows: slice) -> Window:
        """These rows."""
        return Window(self.kind[rows], self.epoch[rows], self.pairs.at(rows))

    @classmethod
    def joined(cls, parts: Sequence[Window]) -> Window:
        """One after another."""
        kind, epoch, pairs = zip(*parts, strict=True)
        return cls(np.concatenate(kind), np.concatenate(epoch), Pairs.joined(pairs))


@dataclass(frozen=True, slots=True)
class Sample:
    """N pairs with a negative each. `negative_idx` (int64, N) indexes `patches`."""

    position: Integers
    kind: Texts
    epoch: Integers
    similarity: NDArray[np.float64]
    """Of the INTER step of a pair; nan where it has none."""
    negative_idx: Integers
    patches: Patches
    """The images of the batch: N anchors, N positives, then the negatives that are neither."""


async def sample(store: GraphStore, windows: GraphCache, source: SnapshotIndex, query: Query) -> Sample:
    """The pairs that the query asks for, always the same.

    Raises MixUnavailable, TooFewGroups, NegativesExhausted, and GraphTooSlow.
    """
    query.mix.require(source.sizes)
    if not source.has_two_groups:
        raise TooFewGroups(source.snapshot.id, source.snapshot.fit)
    return await _Reading(store, windows, source, query).sample()


@dataclass
class _Reading:
    """One query on its way through the windows."""

    store: GraphStore
    windows: GraphCache
    source: SnapshotIndex
    query: Query

    async def sample(self) -> Sample:
        self._read_ahead()
        windows = [await self._window(number) for number, _ in self._spans]
        taken = Window.joined([window.at(span) for window, (_, span) in zip(windows, self._spans, strict=True)])
        patches = Patches.joined([taken.pairs.anchor, taken.pairs.positive])
        position = np.arange(self.query.position, self.query.position + self.query.count)
        negative_idx = np.full(len(position), -1)
        if self.query.negatives == "batch":
            negative_idx = from_batch(patches.group.tolist(), draw(self.query.seed, "batch", position))
        rows = np.flatnonzero(negative_idx < 0)
        negative_idx[rows] = 2 * len(position) + np.arange(len(rows))
        if rows.size:
            patches = Patches.joined([patches, await self._from_graph(rows, windows)])
        return Sample(position, taken.kind, taken.epoch, taken.pairs.similarity, negative_idx, patches)

    @cached_property
    def _spans(self) -> list[tuple[int, slice]]:
        """The windows that the positions lie in, and which part of each."""
        first, end = self.query.position, self.query.position + self.query.count
        numbers = range(first // WINDOW, (end - 1) // WINDOW + 1)
        return [(n, slice(max(first - n * WINDOW, 0), min(end - n * WINDOW, WINDOW))) for n in numbers]

    def _read_ahead(self) -> None:
        """Have the next windows read while this one is used up: for whoever reads on, or has read half of it."""
        number, span = self._spans[-1]
        if span.stop > WINDOW // 2 or self.windows.kept(self._key("pairs", number)) is not None:
            for ahead in range(number + 1, number + 1 + AHEAD):
                self._expect(ahead)

    def _expect(self, number: int) -> None:
        self.windows.expect(self._key("pairs", number), lambda: self._read_pairs(number))
        window = self.windows.kept(self._key("pairs", number))
        if self.query.negatives == "graph" and window is not None:
            self.windows.expect(self._key("negatives", number), lambda: self._draw(number, window))

    async def _window(self, number: int) -> Window:
        return await self.windows.get(self._key("pairs", number), lambda: self._read_pairs(number))

    def _key(self, what: str, number: int) -> tuple[str, str, int, Mix, int]:
        return (self.source.snapshot.id, what, self.query.seed, self.query.mix, number)

    def _read_pairs(self, number: int) -> Window:
        mix = self.query.mix
        at = places(self.query.seed, mix, self.source.sizes, _positions(number))
        rows = [np.flatnonzero(at.kind == kind) for kind in range(len(mix.kinds))]
        read = [
            read_pairs(self.store, self.source, name, at.index[mine])
            for name, mine in zip(mix.kinds, rows, strict=True)
            if mine.size
        ]
        return Window(
            np.array(mix.kinds, object)[at.kind], at.epoch, Pairs.joined(read).at(np.argsort(np.concatenate(rows)))
        )

    async def _from_graph(self, rows: Integers, windows: list[Window]) -> Patches:
        """The negatives that the graph has for these rows of the query."""
        parts: list[Patches] = []
        begin = 0
        for (number, span), window in zip(self._spans, windows, strict=True):
            end = begin + span.stop - span.start
            mine = rows[(rows >= begin) & (rows < end)]
            if mine.size:
                drawn = await self._drawn(number, window)
                row = drawn.row[mine - begin + span.start]
                if (row < 0).any():
                    position = self.query.position + int(mine[row < 0][0])
                    raise NegativesExhausted(self.source.snapshot.id, position, MAX_DRAWS)
                parts.append(drawn.patches.at(row))
            begin = end
        return Patches.joined(parts)

    async def _drawn(self, number: int, window: Window) -> Drawn:
        return await self.windows.get(self._key("negatives", number), lambda: self._draw(number, window))

    def _draw(self, number: int, window: Window) -> Drawn:
        groups, num_tracks = window.pairs.anchor.group, self.source.intra.total
        return from_graph(self._read_tracks, num_tracks, self.query.seed, _positions(number), groups)

    def _read_tracks(self, track: Integers) -> IntraRows:
        return self.store.sample_intra(self.source.intra.at(track), self.source.snapshot.fit)


def _positions(number: int) -> Integers:
    """Those of a window."""
    return np.arange(number * WINDOW, (number + 1) * WINDOW)
