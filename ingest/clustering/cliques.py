"""Neighbors and child clusters: cosine k-nearest neighbors, their mutual graph, its cliques (Sec. 4.2).

Every function is a pure function of its arrays. The result does not depend on the number of threads, on block
sizes or on which rows share a block: single-precision products only propose, double precision decides.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Single-precision products of unit vectors of some thousand dimensions are wrong by less than this.
SLACK = 5e-6
TILE = 2048
"""Rows whose products with as many others are held at a time."""


class UnitRows(Protocol):
    """N×D rows of unit length in single precision: an array, or something that makes a few of them when asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | NDArray[np.int64], /) -> NDArray[np.float32]: ...


def exact_cosine(
    features: UnitRows, left: NDArray[np.int64], right: NDArray[np.int64], chunk: int = 512
) -> NDArray[np.float64]:
    """Cosine similarity of rows `left[i]` and `right[i]` in double precision: equal rows give equal values."""
    out = np.empty(len(left))
    for i in range(0, len(left), chunk):
        a = features[left[i : i + chunk]].astype(np.float64)
        out[i : i + chunk] = (a * features[right[i : i + chunk]]).sum(axis=1)
    return out


def nearest(features: UnitRows, k: int) -> NDArray[np.int64]:
    """The k nearest other rows of each unit row by cosine: N×k row numbers, nearest first, ties by row number.

    Holds the products of TILE × TILE rows at a time, whatever N.
    """
    num_rows = len(features)
    k = min(k, num_rows - 1)
    if k < 1:
        return np.empty((num_rows, 0), np.int64)
    return np.concatenate([_nearest_block(features, first, k) for first in range(0, num_rows, TILE)])


def _nearest_block(features: UnitRows, first: int, k: int) -> NDArray[np.int64]:
    block = features[first : first + TILE]
    best = np.full((len(block), k), -np.inf, np.float32)
    found = []
    for left in range(0, len(features), TILE):
        similarity = block @ features[left : left + TILE].T
        if left == first:
            # Self is known by its number. By its place in a list it is not: among equal rows it may come anywhere.
            np.fill_diagonal(similarity, -np.inf)
        best = _largest(np.hstack([best, _largest(similarity, k)]), k)
        rows, columns = np.nonzero(similarity >= best.min(axis=1, keepdims=True) - SLACK)
        found.append((rows, columns + left, similarity[rows, columns]))
    rows, columns, values = map(np.concatenate, zip(*found, strict=True))
    # What was near enough among the first tiles may not be among all.
    kept = values >= best.min(axis=1)[rows] - SLACK
    rows, columns = rows[kept], columns[kept]
    exact = exact_cosine(features, rows + first, columns)
    order = np.lexsort((columns, -exact, rows))
    starts = np.searchsorted(rows[order], np.arange(len(block)))
    chosen: NDArray[np.int64] = columns[order[starts[:, None] + np.arange(k)]]
    return chosen


def _largest(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The k largest of each row, in any order; all of them where there are fewer."""
    return np.partition(values, -k, axis=1)[:, -k:] if values.shape[1] > k else values


def mutual_pairs(neighbors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs that are in each other's list, of N×k neighbor lists: E×2, lower number first, sorted."""
    num_rows = len(neighbors)
    a = np.repeat(np.arange(num_rows), neighbors.shape[1])
    b = neighbors.reshape(-1)
    # A pair named from both sides is there twice.
    named, times = np.unique(np.minimum(a, b) * num_rows + np.maximum(a, b), return_counts=True)
    both = named[times == 2]
    return np.stack(np.divmod(both, max(num_rows, 1)), axis=1)


def cliques(pairs: NDArray[np.int64], num_rows: int, size: int) -> NDArray[np.int64]:
    """All sets of `size` rows joined pairwise by sorted `pairs` (lower number first): C×size, sorted.

    Grown member by member: each clique is extended by the later neighbors of its last member, and kept where the
    newcomer is joined to all the others too. Exact, and as fast as compiled code on the sparse graphs of this stage.
    """
    keys = pairs[:, 0] * num_rows + pairs[:, 1]
    first = np.searchsorted(pairs[:, 0], np.arange(num_rows))
    degree = np.bincount(pairs[:, 0], minlength=num_rows)
    grown = pairs
    for _ in range(size - 2):
        counts = degree[grown[:, -1]]
        parent = np.repeat(np.arange(len(grown)), counts)
        nth = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
        newcomer = pairs[first[grown[parent, -1]] + nth, 1]
        kept = np.ones(len(parent), bool)
        for member in grown[:, :-1].T:
            kept &= _contains(keys, member[parent] * num_rows + newcomer)
        grown = np.column_stack([grown[parent], newcomer])[kept]
    return grown


def _contains(ascending: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    place = np.searchsorted(ascending, wanted)
    found: NDArray[np.bool_] = np.append(ascending, -1)[place] == wanted
    return found


def pairs_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every pair of members of each group (C×size, members ascending), each once: E×2, sorted."""
    a, b = np.triu_indices(groups.shape[1], 1)
    pairs = np.stack([groups[:, a].reshape(-1), groups[:, b].reshape(-1)], axis=1)
    unique: NDArray[np.int64] = np.unique(pairs, axis=0)
    return unique
