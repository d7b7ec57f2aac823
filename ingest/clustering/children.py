"""Child clusters and INTER edges of one parent, from its features (Sec. 4.2), without the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ingest.clustering.cliques import (
    UnitRows,
    cliques,
    exact_cosine,
    mutual_neighbor_pairs,
    nearest_neighbors,
    pairs_within,
)
from ingest.clustering.competition import UNKNOWN, Footage
from ingest.clustering.defaults import default_neighbors
from ingest.clustering.kmeans import FeatureArray, usable_rows
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

IN_MEMORY = 256 << 20
"""Bytes. Eligible rows of a parent up to this size are normalized once; more are normalized each time they are read."""


@dataclass(frozen=True, eq=False)
class ChildClusters:
    """The result of one parent, in row numbers of its features: `edges` E×2 and `children` C×4, by ascending id."""

    edges: NDArray[np.int64]
    similarity: NDArray[np.float32]
    children: NDArray[np.int64]


def find_child_clusters(
    ids: Sequence[str],
    features: FeatureArray,
    settings: ClusterSettings,
    footage: Footage = UNKNOWN,
) -> ChildClusters:
    """Find the child clusters and INTER edges of one parent; `ids` and `features` N×D are of its members.

    A child cluster is a clique of `settings.clique_size` starts in the mutual k-nearest-neighbor graph. All its pairs
    are edges. The order of the rows, the threads and the machine do not change the result. A parent that is too small
    for a child cluster gives an empty result.
    """
    rows = eligible_rows(ids, features, settings, footage)
    units = _unit_rows(features, rows)
    if len(rows) <= settings.clique_size:
        return _with_edges(rows, np.empty((0, settings.clique_size), np.int64), units)
    k = settings.neighbors or default_neighbors(len(rows), settings.clique_size)
    pairs = mutual_neighbor_pairs(nearest_neighbors(units, k))
    return _with_edges(rows, cliques(pairs, len(rows), settings.clique_size), units)


def eligible_rows(
    ids: Sequence[str], features: FeatureArray, settings: ClusterSettings, footage: Footage = UNKNOWN
) -> NDArray[np.int64]:
    """Choose the rows of a parent that may become neighbors, by ascending id.

    They are usable and distinct, and compete as the setting `same_video` says.
    """
    order = np.asarray(sorted(np.flatnonzero(usable_rows(features)).tolist(), key=ids.__getitem__), np.int64)
    if settings.same_video == "representative":
        order = _first_of_each(order, [footage.video(ids[row]) for row in order])
    elif settings.same_video == "shot":
        chosen = set(footage.competing((ids[row] for row in order), settings.take_seconds))
        order = np.asarray([row for row in order if ids[row] in chosen], np.int64)
    # Equal crops would fill each other's lists of neighbors. Their stored features are bit-equal.
    return _first_of_each(order, [_content(features[row]) for row in order])


def _content(row: FeatureArray) -> bytes:
    return blake2b(row.astype(np.float16, copy=False).data, digest_size=16).digest()


def _first_of_each(rows: NDArray[np.int64], keys: Sequence[object]) -> NDArray[np.int64]:
    first: dict[object, np.int64] = {}
    for row, key in zip(rows, keys, strict=True):
        first.setdefault(key, row)
    return np.asarray(list(first.values()), np.int64)


class LazyUnitRows:
    """Chosen rows of stored features, normalized to unit length in single precision each time they are read."""

    def __init__(self, features: FeatureArray, rows: NDArray[np.int64]) -> None:
        self._features = features
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | NDArray[np.int64], /) -> NDArray[np.float32]:
        return normalize(self._features[self._rows[rows]].astype(np.float32))


def _unit_rows(features: FeatureArray, rows: NDArray[np.int64]) -> UnitRows:
    """Normalize the rows at once where they fit into IN_MEMORY, else each time they are read."""
    units = LazyUnitRows(features, rows)
    return units[:] if 4 * len(rows) * features.shape[1] <= IN_MEMORY else units


def _with_edges(rows: NDArray[np.int64], children: NDArray[np.int64], units: UnitRows) -> ChildClusters:
    edges = pairs_within(children)
    similarity = exact_cosine(units, edges[:, 0], edges[:, 1]).astype(np.float32)
    return ChildClusters(edges=rows[edges], similarity=similarity, children=rows[children])
