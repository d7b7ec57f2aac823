"""k-means (Sec. 4.2): fit the centroids of the parent clusters, and assign features to them.

Given the centroids, the parent of a row depends on this row only. So new videos join a graph without changing the
parents of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ingest.clustering.cliques import COSINE_TOLERANCE
from ingest.errors import IngestError
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

UNCLUSTERED = -1
"""The parent number of a start whose feature cannot be compared."""

CHUNK_ROWS = 8192
"""Rows that are converted to single precision at a time."""

MIN_NORM = 1e-6
"""A feature shorter than this has no direction: the crop is blank, or the network answered with zeros."""

FeatureArray = NDArray[np.float16] | NDArray[np.float32]
"""Features N×D, as they are stored or computed from that; in memory, or mapped from a file."""


def usable_rows(features: FeatureArray) -> NDArray[np.bool_]:
    """Mark the rows that can be compared: those that are finite, and not of zero length."""
    norms = np.empty(len(features), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, len(features), CHUNK_ROWS):
            norms[i : i + CHUNK_ROWS] = np.linalg.norm(np.asarray(features[i : i + CHUNK_ROWS], np.float32), axis=1)
    usable: NDArray[np.bool_] = np.isfinite(norms) & (norms > MIN_NORM)
    return usable


def require_usable_rows(features: FeatureArray) -> NDArray[np.bool_]:
    """Mark the usable rows, as `usable_rows` does. Raises IngestError where there are none."""
    usable = usable_rows(features)
    if not usable.any():
        raise IngestError(
            f"None of {len(features)} starts has a usable feature: all are blank or not finite. Ingest more videos, or "
            "others: the patches must show something."
        )
    return usable


def sample(rows: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Draw at most `size` of the rows, in ascending order; the same seed draws the same."""
    if len(rows) <= size:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size, replace=False))


def fit_centroids(features: FeatureArray, settings: ClusterSettings) -> NDArray[np.float32]:
    """Compute the K×D unit centroids of N×D features, given in id order, by spherical k-means.

    K is `settings.parents`, or the number of usable rows where that is smaller. k-means trains on a seeded sample of
    `settings.points` rows a centroid, on a GPU where there is one. Raises IngestError without a usable row.
    """
    import faiss

    rows = np.flatnonzero(require_usable_rows(features))
    num_parents = min(resolved_parents(settings), len(rows))
    kmeans = faiss.Kmeans(
        features.shape[1],
        num_parents,
        niter=settings.iterations,
        seed=settings.seed,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=settings.points,
        gpu=faiss.get_num_gpus() > 0,
    )
    with _one_thread():
        kmeans.train(_unit_rows(features, sample(rows, settings.points * num_parents, settings.seed)))
    return normalize(np.asarray(kmeans.centroids, np.float32))


def resolved_parents(settings: ClusterSettings) -> int:
    """Return the number of parents of settings that `resolve` made."""
    if settings.parents is None:
        raise ValueError("settings.parents is None: call ingest.clustering.defaults.resolve first")
    return settings.parents


def _unit_rows(features: FeatureArray, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Normalize the chosen rows chunk by chunk: at the paper's size they are 5.6 GB, and fit into memory only once."""
    units = np.empty((len(rows), features.shape[1]), np.float32)
    for i in range(0, len(rows), CHUNK_ROWS):
        units[i : i + CHUNK_ROWS] = normalize(features[rows[i : i + CHUNK_ROWS]].astype(np.float32))
    return units


@contextmanager
def _one_thread() -> Iterator[None]:
    # Several threads add up in changing order, which changes the last bit of a sum; k-means makes that bit grow.
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def assign(features: FeatureArray, centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Find the nearest of K×D centroids by cosine for each of N×D rows; UNCLUSTERED for a row that is not usable.

    The result of a row does not depend on the other rows: one video at a time gives the same as all at once.
    """
    numbers = np.full(len(features), UNCLUSTERED, np.int32)
    for i in range(0, len(features), CHUNK_ROWS):
        chunk = np.asarray(features[i : i + CHUNK_ROWS], np.float32)
        rows = np.flatnonzero(usable_rows(chunk))
        numbers[i + rows] = _nearest_centroid(normalize(chunk[rows]), centroids)
    return numbers


def _nearest_centroid(rows: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    similarity = rows @ centroids.T
    numbers: NDArray[np.int64] = similarity.argmax(axis=1)
    close = similarity >= similarity.max(axis=1, keepdims=True) - COSINE_TOLERANCE
    for row in np.flatnonzero(close.sum(axis=1) > 1):
        candidates = np.flatnonzero(close[row])
        exact = (centroids[candidates].astype(np.float64) * rows[row]).sum(axis=1)
        numbers[row] = candidates[exact.argmax()]
    return numbers
