"""Negatives: images of another group than the anchor's (Sec. 6: of another parent cluster)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from api.order import Integers, Words, draw
from graphdb.model import IntraRows, PatchRef

MAX_DRAWS = 64
# Nearly every first draw is of another group; only what is left takes the larger rounds.
ROUNDS = (0, 1, 4, 16, MAX_DRAWS)
KEYS = 5_000
"""Tracks that one query is asked for."""


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


def from_graph(
    read: Callable[[Integers], IntraRows], num_tracks: int, seed: int, positions: Integers, groups: Sequence[str]
) -> list[PatchRef | None]:
    """For each anchor, a patch of another group from anywhere in the snapshot; None where no draw gave one.

    Draw t of a position picks one of `num_tracks` tracks, which `read` turns into rows, and the start or the end of
    it; the first of another group than the anchor's in `groups` wins.
    """
    found: list[PatchRef | None] = [None] * len(positions)
    left = np.arange(len(positions))
    for begin, end in pairwise(ROUNDS):
        words = draw(seed, "graph", np.repeat(positions[left], end - begin), np.tile(np.arange(begin, end), len(left)))
        drawn = _patches(read, num_tracks, words)
        for row, anchor in enumerate(left.tolist()):
            of_anchor = drawn[row * (end - begin) : (row + 1) * (end - begin)]
            found[anchor] = next((patch for patch in of_anchor if patch.group != groups[anchor]), None)
        left = np.array([anchor for anchor in left.tolist() if found[anchor] is None], np.int64)
        if not left.size:
            break
    return found


def _patches(read: Callable[[Integers], IntraRows], num_tracks: int, words: Words) -> list[PatchRef]:
    """The patch that each word picks: its lowest bit says which end of the track that the others pick."""
    track = ((words >> np.uint64(1)) % np.uint64(num_tracks)).astype(np.int64)
    is_end = (words & np.uint64(1)).astype(bool).tolist()
    patches: list[PatchRef] = []
    for at in range(0, len(track), KEYS):
        rows = read(track[at : at + KEYS])
        ends = is_end[at : at + KEYS]
        patches += [end if last else start for start, end, last in zip(rows.start, rows.end, ends, strict=True)]
    return patches
