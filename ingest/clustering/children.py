"""TODO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ingest.clustering.cliques import UnitRows, cliques, exact_cosine, mutual_pairs, nearest, pairs_within
from ingest.clustering.defaults import scaled_neighbors
from ingest.clustering.kmeans import Stored, usable
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

IN_MEMORY = 256 << 20
"""Competing rows of a parent up to so many bytes are kept in single precision, more are converted over and over."""


@dataclass(frozen=True, eq=False)
class Linked:
    """One parent's result, in rows of the input: `edges` E×2 and `children` C×group by ascending id."""

    edges: NDArray[np.int64]
    similarity: NDArray[np.float32]
    children: NDArray[np.int64]


class Units:
    """Chosen rows of stored features as unit rows in single precision, made from the stored ones when asked for."""

    def __init__(self, stored: Stored, rows: NDArray[np.int64]) -> None:
        self._stored = stored
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | NDArray[np.int64], /) -> NDArray[np.float32]:
        return normalize(self._stored[self._rows[rows]].astype(np.float32))


def unit_rows(stored: Stored, rows: NDArray[np.int64]) -> UnitRows:
    """All of them at once where they are few, else as they are asked for."""
    units = Units(stored, rows)
    return units[:] if 4 * len(rows) * stored.shape[1] <= IN_MEMORY else units


def eligible_rows(
    ids: Sequence[str], videos: Sequence[str], features: Stored, settings: ClusterSettings
) -> NDArray[np.int64]:
    """Rows of a parent that may become neighbors, by ascending id: usable, distinct, one a video unless allowed."""
    order = np.asarray(sorted(np.flatnonzero(usable(features)).tolist(), key=ids.__getitem__), np.int64)
    if settings.same_video == "representative":
        order = _first_of_each(order, [videos[row] for row in order])
    # Copies of one crop fill each other's lists of neighbors; as stored, they are equal to the bit.
    return _first_of_each(order, [_content(features[row]) for row in order])


def _content(row: Stored) -> bytes:
    return blake2b(row.astype(np.float16, copy=False).data, digest_size=16).digest()


def _first_of_each(rows: NDArray[np.int64], keys: Sequence[object]) -> NDArray[np.int64]:
    first: dict[object, np.int64] = {}
    for row, key in zip(rows, keys, strict=True):
        first.setdefault(key, row)
    return np.asarray(list(first.values()), np.int64)


def link_parent(ids: Sequence[str], videos: Sequence[str], features: Stored, settings: ClusterSettings) -> Linked:
    """The child clusters and INTER edges of one parent: `ids`, `videos` and `features` (N×D) of its members.

    A child is a clique of `settings.clique_size` in the mutual k-nearest-neighbor graph; all its pairs are edges.
    Order of the rows, threads and machine make no difference. A parent too small for a child gives an empty result.
    """
    rows = eligible_rows(ids, videos, features, settings)
    units = unit_rows(features, rows)
    if len(rows) <= settings.clique_size:
        return _linked(rows, np.empty((0, settings.clique_size), np.int64), units)
    k = settings.neighbors or scaled_neighbors(len(rows), settings.clique_size)
    return _linked(rows, cliques(mutual_pairs(nearest(units, k)), len(rows), settings.clique_size), units)


def _linked(rows: NDArray[np.int64], children: NDArray[np.int64], units: UnitRows) -> Linked:
    edges = pairs_within(children)
    similarity = exact_cosine(units, edges[:, 0], edges[:, 1]).astype(np.float32)
    return Linked(edges=rows[edges], similarity=similarity, children=rows[children])
