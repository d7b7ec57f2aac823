"""Negatives: images of another group than the anchor's (Sec. 6: of another parent cluster)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from api.sampling.order import Words, draw
from graphdb.model import Integers, IntraRows, Patches, Texts

MAX_DRAWS = 64
# Nearly every first draw is of another group; only what is left takes the larger rounds.
ROUNDS = (0, 1, 4, 16, MAX_DRAWS)
KEYS = 5_000
"""Tracks that one query is asked for."""
PATCH_BYTES = 200
"""About what a patch takes in memory: its id, and its row of the columns."""


def from_batch(groups: Sequence[str], lots: Words) -> Integers:
    """For each anchor, an image of another group in the same batch, by lot; -1 where there is none (int64, N).

    `groups` are those of the 2·N images, anchors first; `lots` are N words drawn at random.
    """
    numbers: dict[str, int] = {}
    group = np.array([numbers.setdefault(name, len(numbers)) for name in groups])
    size = np.bincount(group)
    # Sorted by group, the images of one group are a run; the lot counts along everything before and after that run.
    by_group = np.argsort(group, kind="stable")
    first = np.cumsum(size) - size
    own = group[: len(lots)]
    others = len(groups) - size[own]
    rank = (lots % np.maximum(others, 1).astype(np.uint64)).astype(np.int64)
    rank += np.where(rank >= first[own], size[own], 0)
    return np.where(others > 0, by_group[np.minimum(rank, len(groups) - 1)], -1)


class Drawn(NamedTuple):
    """What was drawn from the graph for some anchors: row `row[i]` of `patches` for the i-th, none where it is -1."""

    patches: Patches
    row: Integers

    @property
    def nbytes(self) -> int:
        return PATCH_BYTES * len(self.row)


def from_graph(
    read: Callable[[Integers], IntraRows], num_tracks: int, seed: int, positions: Integers, groups: Texts
) -> Drawn:
    """For each anchor, a patch of another group from anywhere in the snapshot, where a draw gave one.

    Draw t of a position picks one of `num_tracks` tracks, which `read` turns into rows, and the start or the end of
    it; the first of another group than the anchor's in `groups` wins.
    """
    row = np.full(len(positions), -1)
    found: list[Patches] = []
    left = np.arange(len(positions))
    for begin, end in pairwise(ROUNDS):
        draws = end - begin
        words = draw(seed, "graph", np.repeat(positions[left], draws), np.tile(np.arange(begin, end), len(left)))
        drawn = _patches(read, num_tracks, words)
        other = drawn.group.reshape(len(left), draws) != groups[left, None]
        has = np.flatnonzero(other.any(axis=1))
        row[left[has]] = sum(len(patches.id) for patches in found) + np.arange(len(has))
        found.append(drawn.at(has * draws + other[has].argmax(axis=1)))
        left = np.flatnonzero(row < 0)
        if not left.size:
            break
    return Drawn(Patches.joined(found), row)


def _patches(read: Callable[[Integers], IntraRows], num_tracks: int, words: Words) -> Patches:
    """The patch that each word picks: its lowest bit says which end of the track that the others pick."""
    track = ((words >> np.uint64(1)) % np.uint64(num_tracks)).astype(np.int64)
    is_end = (words & np.uint64(1)).astype(bool)
    picked: list[Patches] = []
    for at in range(0, len(track), KEYS):
        rows = read(track[at : at + KEYS])
        sides = zip(rows.start, rows.end, strict=True)
        picked.append(Patches(*(np.where(is_end[at : at + KEYS], end, start) for start, end in sides)))
    return Patches.joined(picked)
