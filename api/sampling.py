"""From positions to rows: what the order says stands there, read from the graph in windows.

A window is 1,000 consecutive positions, read by one query for each kind of pair in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from api.errors import MixUnavailable, NegativesExhausted, TooFewGroups
from api.negatives import MAX_DRAWS, from_batch, from_graph
from api.order import Integers, Mix, draw, places
from api.source import Pair, Source, read_pairs
from api.windows import Windows
from graphdb.model import IntraRows, PatchRef
from graphdb.store import GraphStore

WINDOW = 1_000
PATCH_BYTES = 400
"""About what a patch takes in memory: its id, its place in the archive, and the objects that hold them."""


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


@dataclass(frozen=True, slots=True)
class Window:
    """What stands at 1,000 consecutive positions."""

    kind: list[str]
    epoch: Integers
    pairs: list[Pair]

    @property
    def nbytes(self) -> int:
        return PATCH_BYTES * sum(len(pair.path) for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class DrawnWindow:
    """The negatives that the graph has for the positions of a window; None where no draw gave one."""

    patches: list[PatchRef | None]

    @property
    def nbytes(self) -> int:
        return PATCH_BYTES * len(self.patches)


@dataclass(frozen=True, slots=True)
class Sample:
    """N pairs with a negative each. `negative_idx` (int64, N) indexes `patches`."""

    position: Integers
    kind: list[str]
    epoch: Integers
    pairs: list[Pair]
    negative_idx: Integers
    patches: list[PatchRef]
    """The images of the batch: N anchors, N positives, then the negatives that are neither."""


async def sample(store: GraphStore, windows: Windows, source: Source, query: Query) -> Sample:
    """The pairs that the query asks for, always the same.

    Raises MixUnavailable, TooFewGroups, NegativesExhausted, and GraphTooSlow.
    """
    sizes = source.sizes
    if missing := [kind for kind in query.mix.kinds if not sizes[kind]]:
        raise MixUnavailable(str(query.mix), missing, query.mix.workable(sizes))
    if not source.has_two_groups:
        raise TooFewGroups(source.snapshot.id, source.snapshot.fit)
    return await _Reading(store, windows, source, query).sample()


@dataclass
class _Reading:
    """One query on its way through the windows."""

    store: GraphStore
    windows: Windows
    source: Source
    query: Query

    async def sample(self) -> Sample:
        self._read_ahead()
        windows = [(await self._window(number), span) for number, span in self._spans]
        pairs = [pair for window, span in windows for pair in window.pairs[span]]
        patches = [*(pair.anchor for pair in pairs), *(pair.positive for pair in pairs)]
        position = np.arange(self.query.position, self.query.position + self.query.count)
        negative_idx = np.full(len(pairs), -1)
        if self.query.negatives == "batch":
            negative_idx = from_batch([p.group for p in patches], draw(self.query.seed, "batch", position))
        rows = np.flatnonzero(negative_idx < 0)
        negative_idx[rows] = len(patches) + np.arange(len(rows))
        if rows.size:
            patches += await self._from_graph(rows.tolist(), [window for window, _ in windows])
        kind = [kind for window, span in windows for kind in window.kind[span]]
        epoch = np.concatenate([window.epoch[span] for window, span in windows])
        return Sample(position, kind, epoch, pairs, negative_idx, patches)

    @cached_property
    def _spans(self) -> list[tuple[int, slice]]:
        """The windows that the positions lie in, and which part of each."""
        first, end = self.query.position, self.query.position + self.query.count
        numbers = range(first // WINDOW, (end - 1) // WINDOW + 1)
        return [(n, slice(max(first - n * WINDOW, 0), min(end - n * WINDOW, WINDOW))) for n in numbers]

    def _read_ahead(self) -> None:
        """Have the next window read while this one is used up."""
        number, span = self._spans[-1]
        if span.stop > WINDOW // 2:
            self.windows.expect(self._key("pairs", number + 1), lambda: self._read_pairs(number + 1))

    async def _window(self, number: int) -> Window:
        return await self.windows.get(self._key("pairs", number), lambda: self._read_pairs(number))

    def _key(self, what: str, number: int) -> tuple[str, str, int, Mix, int]:
        return (self.source.snapshot.id, what, self.query.seed, self.query.mix, number)

    def _read_pairs(self, number: int) -> Window:
        mix = self.query.mix
        at = places(self.query.seed, mix, self.source.sizes, np.arange(number * WINDOW, (number + 1) * WINDOW))
        pairs: dict[int, Pair] = {}
        for kind, name in enumerate(mix.kinds):
            rows = np.flatnonzero(at.kind == kind)
            if rows.size:
                pairs.update(zip(rows.tolist(), read_pairs(self.store, self.source, name, at.index[rows]), strict=True))
        return Window([mix.kinds[kind] for kind in at.kind.tolist()], at.epoch, [pairs[row] for row in range(WINDOW)])

    async def _from_graph(self, rows: list[int], windows: list[Window]) -> list[PatchRef]:
        """The negatives that the graph has for these rows of the query."""
        drawn: list[PatchRef | None] = []
        for (number, span), window in zip(self._spans, windows, strict=True):
            drawn += (await self._drawn(number, window)).patches[span]
        chosen = [drawn[row] for row in rows]
        if None in chosen:
            position = self.query.position + rows[chosen.index(None)]
            raise NegativesExhausted(self.source.snapshot.id, position, MAX_DRAWS)
        return [patch for patch in chosen if patch is not None]

    async def _drawn(self, number: int, window: Window) -> DrawnWindow:
        def read() -> DrawnWindow:
            groups = [pair.anchor.group for pair in window.pairs]
            positions = np.arange(number * WINDOW, (number + 1) * WINDOW)
            num_tracks = self.source.intra.total
            return DrawnWindow(from_graph(self._read_tracks, num_tracks, self.query.seed, positions, groups))

        return await self.windows.get(self._key("negatives", number), read)

    def _read_tracks(self, track: Integers) -> IntraRows:
        return self.store.sample_intra(self.source.intra.at(track), self.source.snapshot.fit)
