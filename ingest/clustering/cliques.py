"""Nearest neighbors by cosine, their mutual graph, and its cliques (Sec. 4.2).

All functions are pure functions of arrays. Their results do not depend on the number of threads or on the size of the
blocks: products in single precision choose candidates, and double precision decides among them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

COSINE_TOLERANCE = 5e-6
"""More than the error of single-precision products of unit vectors with some thousand dimensions."""

TILE_ROWS = 2048
"""Rows whose products with as many others are in memory at a time."""


class UnitRows(Protocol):
    """N×D rows of unit length in single precision: an array, or an object that computes the rows that are read."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | NDArray[np.int64], /) -> NDArray[np.float32]: ...


def exact_cosine(
    features: UnitRows, left: NDArray[np.int64], right: NDArray[np.int64], chunk: int = 512
) -> NDArray[np.float64]:
    """Compute the cosine of rows `left[i]` and `right[i]` in double precision: equal rows give equal values."""
    out = np.empty(len(left))
    for i in range(0, len(left), chunk):
        a = features[left[i : i + chunk]].astype(np.float64)
        out[i : i + chunk] = (a * features[right[i : i + chunk]]).sum(axis=1)
    return out


def nearest_neighbors(features: UnitRows, k: int) -> NDArray[np.int64]:
    """Find the k nearest other rows of each row by cosine: N×k row numbers, nearest first, ties by row number.

    Memory is bounded by TILE_ROWS × TILE_ROWS products, for any N.
    """
    num_rows = len(features)
    k = min(k, num_rows - 1)
    if k < 1:
        return np.empty((num_rows, 0), np.int64)
    return np.concatenate([_neighbors_of_block(features, first, k) for first in range(0, num_rows, TILE_ROWS)])


def _neighbors_of_block(features: UnitRows, first: int, k: int) -> NDArray[np.int64]:
    block = features[first : first + TILE_ROWS]
    best = np.full((len(block), k), -np.inf, np.float32)
    found = []
    for left in range(0, len(features), TILE_ROWS):
        similarity = block @ features[left : left + TILE_ROWS].T
        if left == first:
            # A row is excluded by its number. Its place in the sorted list would not do: equal rows come in any order.
            np.fill_diagonal(similarity, -np.inf)
        best = _largest(np.hstack([best, _largest(similarity, k)]), k)
        rows, columns = np.nonzero(similarity >= best.min(axis=1, keepdims=True) - COSINE_TOLERANCE)
        found.append((rows, columns + left, similarity[rows, columns]))
    rows, columns, values = map(np.concatenate, zip(*found, strict=True))
    # Candidates of the first tiles may be too far away now that all tiles were seen.
    kept = values >= best.min(axis=1)[rows] - COSINE_TOLERANCE
    rows, columns = rows[kept], columns[kept]
    exact = exact_cosine(features, rows + first, columns)
    order = np.lexsort((columns, -exact, rows))
    starts = np.searchsorted(rows[order], np.arange(len(block)))
    chosen: NDArray[np.int64] = columns[order[starts[:, None] + np.arange(k)]]
    return chosen


def _largest(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return the k largest values of each row in any order; all of them where there are fewer."""
    return np.partition(values, -k, axis=1)[:, -k:] if values.shape[1] > k else values


def mutual_neighbor_pairs(neighbors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the pairs of rows that are in each other's list of N×k neighbors (also called k-reciprocal).

    The result is E×2, the lower number first, sorted.
    """
    num_rows = len(neighbors)
    a = np.repeat(np.arange(num_rows), neighbors.shape[1])
    b = neighbors.reshape(-1)
    pairs, times = np.unique(np.minimum(a, b) * num_rows + np.maximum(a, b), return_counts=True)
    # A pair that is in both lists occurs twice.
    mutual = pairs[times == 2]
    return np.stack(np.divmod(mutual, max(num_rows, 1)), axis=1)


def cliques(pairs: NDArray[np.int64], num_rows: int, size: int) -> NDArray[np.int64]:
    """Find all sets of `size` rows that are joined pairwise by sorted `pairs`, the lower number first: C×size, sorted.

    Cliques grow by one row at a time: each is extended by the later neighbors of its last row, and kept where the new
    row is joined to the others too. The search is exact, and on the sparse graphs of this stage as fast as compiled
    code.
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
    """List every pair of members of each group (C×size, members ascending) once: E×2, sorted."""
    a, b = np.triu_indices(groups.shape[1], 1)
    pairs = np.stack([groups[:, a].reshape(-1), groups[:, b].reshape(-1)], axis=1)
    unique: NDArray[np.int64] = np.unique(pairs, axis=0)
    return unique
