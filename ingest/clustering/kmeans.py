"""Features to parent clusters, child clusters and INTER edges (Sec. 4.2). Knows arrays and ids, no graph.

fit_centroids, then assign every start, then link_parent for each parent that has members enough. Given the
centroids everything is deterministic and local to a parent, so a parent is linked again when its members change
and the result is that of linking all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ingest.clustering.cliques import SLACK
from ingest.errors import NothingToCluster
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

UNCLUSTERED = -1
CHUNK = 8192
# A feature shorter than this has no direction: a blank crop, a dead network unit.
SHORTEST = 1e-6

Stored = NDArray[np.float16] | NDArray[np.float32]
"""Features as they lie on disk, or made from those; mapped into memory or in it."""


def usable(features: Stored) -> NDArray[np.bool_]:
    """Rows that can be compared: finite, and not of zero length."""
    norms = np.empty(len(features), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, len(features), CHUNK):
            norms[i : i + CHUNK] = np.linalg.norm(np.asarray(features[i : i + CHUNK], np.float32), axis=1)
    usable: NDArray[np.bool_] = np.isfinite(norms) & (norms > SHORTEST)
    return usable


def fit_centroids(features: Stored, settings: ClusterSettings) -> NDArray[np.float32]:
    """Spherical k-means: N×D features in id order to K×D unit centroids.

    K is `settings.parents`, or the number of usable rows where that is smaller. Trains on a seeded sample of
    `settings.max_points_per_centroid` rows a centroid, on a GPU where there is one. Raises NothingToCluster
    without a usable row.
    """
    import faiss

    if settings.parents is None:
        raise ValueError("settings.parents is None: resolve it with ingest.scaling.scaled first")
    rows = np.flatnonzero(usable(features))
    if not len(rows):
        raise NothingToCluster(len(features))
    num_parents = min(settings.parents, len(rows))
    chosen = _sample(rows, settings.max_points_per_centroid * num_parents, settings.seed)
    kmeans = faiss.Kmeans(
        features.shape[1],
        num_parents,
        niter=settings.kmeans_iterations,
        seed=settings.seed,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=settings.max_points_per_centroid,
        gpu=faiss.get_num_gpus() > 0,
    )
    with _one_thread():
        kmeans.train(_units(features, chosen))
    return normalize(np.asarray(kmeans.centroids, np.float32))


def _units(features: Stored, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """These rows at unit length, made a part at a time: at the paper's size they are 5.6 GB, and fit once."""
    units = np.empty((len(rows), features.shape[1]), np.float32)
    for i in range(0, len(rows), CHUNK):
        units[i : i + CHUNK] = normalize(features[rows[i : i + CHUNK]].astype(np.float32))
    return units


@contextmanager
def _one_thread() -> Iterator[None]:
    # Sums in another order differ in the last bit, and k-means carries a last bit a long way.
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _sample(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def assign(features: Stored, centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """The number of each row's nearest centroid by cosine, UNCLUSTERED (-1) for a row that cannot be compared.

    A row's answer does not depend on the rows that come with it: one video at a time equals all at once.
    """
    numbers = np.full(len(features), UNCLUSTERED, np.int32)
    for i in range(0, len(features), CHUNK):
        chunk = np.asarray(features[i : i + CHUNK], np.float32)
        rows = np.flatnonzero(usable(chunk))
        numbers[i + rows] = _nearest_centroid(normalize(chunk[rows]), centroids)
    return numbers


def _nearest_centroid(rows: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    similarity = rows @ centroids.T
    numbers: NDArray[np.int64] = similarity.argmax(axis=1)
    close = similarity >= similarity.max(axis=1, keepdims=True) - SLACK
    for row in np.flatnonzero(close.sum(axis=1) > 1):
        candidates = np.flatnonzero(close[row])
        exact = (centroids[candidates].astype(np.float64) * rows[row]).sum(axis=1)
        numbers[row] = candidates[exact.argmax()]
    return numbers
