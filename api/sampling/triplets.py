"""Sample triplets: the pairs at positions of the order, read from the graph in windows, with their negatives.

A window is 4,000 consecutive positions, read by one query for each kind of pair. While a window is in use, the next two
are prefetched.
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
from api.sampling.negatives import (
    MAX_DRAWS,
    PATCH_BYTES,
    DrawnNegatives,
    negatives_from_batch,
    negatives_from_graph,
)
from api.sampling.order import Mix, draw, pair_indices
from api.sampling.snapshot_index import Pairs, SnapshotIndex, read_pairs
from graphdb.model import Integers, IntraRows, Patches, Texts
from graphdb.store.graph import GraphStore

WINDOW = 4_000
"""Positions in a window. A query costs Neo4j as much as hundreds of its pairs, so a window must not be small. A larger
window delays its first reader."""
AHEAD = 2
"""Windows to prefetch: with two, Neo4j still reads one when the other arrived early."""


@dataclass(frozen=True, slots=True)
class TripletQuery:
    """A request for triplets. Its answer depends on the query and the snapshot only."""

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
    """The pairs at consecutive positions: a whole window, or the part of it that a query asks for."""

    kind: Texts
    epoch: Integers
    pairs: Pairs

    @property
    def nbytes(self) -> int:
        return 2 * PATCH_BYTES * len(self.kind)

    def at(self, rows: slice) -> Window:
        """Return these rows."""
        return Window(self.kind[rows], self.epoch[rows], self.pairs.at(rows))

    @classmethod
    def joined(cls, parts: Sequence[Window]) -> Window:
        """Concatenate the parts."""
        kind, epoch, pairs = zip(*parts, strict=True)
        return cls(np.concatenate(kind), np.concatenate(epoch), Pairs.joined(pairs))


@dataclass(frozen=True, slots=True)
class TripletSample:
    """N pairs with a negative each. `negative_idx` (int64, N) indexes `patches`."""

    position: Integers
    kind: Texts
    epoch: Integers
    similarity: NDArray[np.float64]
    """That of the INTER edge of a pair; nan if it has none."""
    negative_idx: Integers
    patches: Patches
    """The images of the batch: N anchors, N positives, then the negatives that are neither."""


async def sample_triplets(
    store: GraphStore, cache: GraphCache, index: SnapshotIndex, query: TripletQuery
) -> TripletSample:
    """Return the triplets at the positions of the query.

    Raises MixUnavailable, TooFewGroups, NegativesExhausted, and GraphTooSlow.
    """
    query.mix.require(index.sizes)
    if not index.has_two_groups:
        raise TooFewGroups(index.snapshot.id, index.snapshot.fit)
    return await _Sampler(store, cache, index, query).sample()


@dataclass
class _Sampler:
    """Answers one query from the windows of its positions."""

    store: GraphStore
    cache: GraphCache
    index: SnapshotIndex
    query: TripletQuery

    async def sample(self) -> TripletSample:
        self._prefetch_next()
        windows = [await self._window(number) for number, _ in self._spans]
        window = Window.joined([whole.at(span) for whole, (_, span) in zip(windows, self._spans, strict=True)])
        patches = Patches.joined([window.pairs.anchor, window.pairs.positive])
        position = np.arange(self.query.position, self.query.position + self.query.count)
        negative_idx = np.full(len(position), -1)
        if self.query.negatives == "batch":
            negative_idx = negatives_from_batch(patches.group.tolist(), draw(self.query.seed, "batch", position))
        rows = np.flatnonzero(negative_idx < 0)
        negative_idx[rows] = 2 * len(position) + np.arange(len(rows))
        if rows.size:
            patches = Patches.joined([patches, await self._graph_negatives(rows, windows)])
        return TripletSample(position, window.kind, window.epoch, window.pairs.similarity, negative_idx, patches)

    @cached_property
    def _spans(self) -> list[tuple[int, slice]]:
        """The numbers of the windows that hold the positions, and the part of each."""
        first, end = self.query.position, self.query.position + self.query.count
        numbers = range(first // WINDOW, (end - 1) // WINDOW + 1)
        return [(n, slice(max(first - n * WINDOW, 0), min(end - n * WINDOW, WINDOW))) for n in numbers]

    def _prefetch_next(self) -> None:
        """Prefetch the next windows if the reader is past half of its window, or the window is in the cache already."""
        number, span = self._spans[-1]
        if span.stop > WINDOW // 2 or self.cache.peek(self._key("pairs", number)) is not None:
            for ahead in range(number + 1, number + 1 + AHEAD):
                self._prefetch(ahead)

    def _prefetch(self, number: int) -> None:
        self.cache.prefetch(self._key("pairs", number), lambda: self._read_window(number))
        window = self.cache.peek(self._key("pairs", number))
        if self.query.negatives == "graph" and window is not None:
            self.cache.prefetch(self._key("negatives", number), lambda: self._draw_negatives(number, window))

    async def _window(self, number: int) -> Window:
        return await self.cache.get(self._key("pairs", number), lambda: self._read_window(number))

    def _key(self, what: str, number: int) -> tuple[str, str, int, Mix, int]:
        return (self.index.snapshot.id, what, self.query.seed, self.query.mix, number)

    def _read_window(self, number: int) -> Window:
        mix = self.query.mix
        at = pair_indices(self.query.seed, mix, self.index.sizes, _positions(number))
        rows = [np.flatnonzero(at.kind == kind) for kind in range(len(mix.kinds))]
        by_kind = [
            read_pairs(self.store, self.index, name, at.index[of_kind])
            for name, of_kind in zip(mix.kinds, rows, strict=True)
            if of_kind.size
        ]
        pairs = Pairs.joined(by_kind).at(np.argsort(np.concatenate(rows)))
        return Window(np.array(mix.kinds, object)[at.kind], at.epoch, pairs)

    async def _graph_negatives(self, rows: Integers, windows: list[Window]) -> Patches:
        """Return negatives from the graph for these rows of the query."""
        parts: list[Patches] = []
        begin = 0
        for (number, span), window in zip(self._spans, windows, strict=True):
            end = begin + span.stop - span.start
            in_window = rows[(rows >= begin) & (rows < end)]
            if in_window.size:
                drawn = await self._drawn_negatives(number, window)
                row = drawn.row[in_window - begin + span.start]
                if (row < 0).any():
                    position = self.query.position + int(in_window[row < 0][0])
                    raise NegativesExhausted(self.index.snapshot.id, position, MAX_DRAWS)
                parts.append(drawn.patches.at(row))
            begin = end
        return Patches.joined(parts)

    async def _drawn_negatives(self, number: int, window: Window) -> DrawnNegatives:
        return await self.cache.get(self._key("negatives", number), lambda: self._draw_negatives(number, window))

    def _draw_negatives(self, number: int, window: Window) -> DrawnNegatives:
        groups, num_tracks = window.pairs.anchor.group, self.index.intra.total
        return negatives_from_graph(self._read_tracks, num_tracks, self.query.seed, _positions(number), groups)

    def _read_tracks(self, track: Integers) -> IntraRows:
        return self.store.sample_intra(self.index.intra.at(track), self.index.snapshot.fit)


def _positions(number: int) -> Integers:
    """Return the positions of a window."""
    return np.arange(number * WINDOW, (number + 1) * WINDOW)
