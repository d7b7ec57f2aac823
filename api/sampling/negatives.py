"""Negatives: images of another group than the anchor's (Sec. 6: of another parent cluster)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from api.sampling.order import Words, draw
from graphdb.model import Integers, IntraRows, Patches, Texts

MAX_DRAWS = 64
# The first draw nearly always gives another group. The larger rounds are for the rest.
ROUNDS = (0, 1, 4, 16, MAX_DRAWS)
TRACKS_PER_QUERY = 5_000
PATCH_BYTES = 200
"""Approximate size of a patch in memory: its id and its row of the columns."""


def negatives_from_batch(groups: Sequence[str], words: Words) -> Integers:
    """Choose for each anchor a random image of another group in the same batch; −1 if there is none (int64, N).

    `groups` are those of the 2·N images, anchors first; `words` are N random words.
    """
    numbers: dict[str, int] = {}
    group = np.array([numbers.setdefault(name, len(numbers)) for name in groups])
    size = np.bincount(group)
    # Sorted by group, each group is a run. A random rank counts along the images before and after the anchor's run.
    by_group = np.argsort(group, kind="stable")
    first = np.cumsum(size) - size
    own = group[: len(words)]
    others = len(groups) - size[own]
    rank = (words % np.maximum(others, 1).astype(np.uint64)).astype(np.int64)
    rank += np.where(rank >= first[own], size[own], 0)
    return np.where(others > 0, by_group[np.minimum(rank, len(groups) - 1)], -1)


class DrawnNegatives(NamedTuple):
    """Negatives drawn from the graph: anchor i has row `row[i]` of `patches`, or none if that is −1."""

    patches: Patches
    row: Integers

    @property
    def nbytes(self) -> int:
        return PATCH_BYTES * len(self.row)


def negatives_from_graph(
    read: Callable[[Integers], IntraRows], num_tracks: int, seed: int, positions: Integers, groups: Texts
) -> DrawnNegatives:
    """Draw for each anchor a patch of another group from the whole snapshot.

    Draw t of a position chooses one of `num_tracks` tracks, which `read` turns into rows, and the start or the end of
    the track. The first draw of another group than the anchor's, in `groups`, is the negative.
    """
    row = np.full(len(positions), -1)
    found: list[Patches] = []
    left = np.arange(len(positions))
    for begin, end in pairwise(ROUNDS):
        draws = end - begin
        words = draw(seed, "graph", np.repeat(positions[left], draws), np.tile(np.arange(begin, end), len(left)))
        drawn = _patches(read, num_tracks, words)
        is_other = drawn.group.reshape(len(left), draws) != groups[left, None]
        has_negative = np.flatnonzero(is_other.any(axis=1))
        row[left[has_negative]] = sum(len(patches.id) for patches in found) + np.arange(len(has_negative))
        found.append(drawn.at(has_negative * draws + is_other[has_negative].argmax(axis=1)))
        left = np.flatnonzero(row < 0)
        if not left.size:
            break
    return DrawnNegatives(Patches.joined(found), row)


def _patches(read: Callable[[Integers], IntraRows], num_tracks: int, words: Words) -> Patches:
    """Read the patch that each word chooses: its lowest bit chooses start or end, the other bits the track."""
    track = ((words >> np.uint64(1)) % np.uint64(num_tracks)).astype(np.int64)
    is_end = (words & np.uint64(1)).astype(bool)
    chosen: list[Patches] = []
    for at in range(0, len(track), TRACKS_PER_QUERY):
        part = slice(at, at + TRACKS_PER_QUERY)
        rows = read(track[part])
        columns = zip(rows.start, rows.end, strict=True)
        chosen.append(Patches(*(np.where(is_end[part], end, start) for start, end in columns)))
    return Patches.joined(chosen)
