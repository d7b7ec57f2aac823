"""PCA whitening: project features to the axes along which a sample varies most, and give each axis the same variance.

Without it, the parts that all crops share and a few strong directions, such as light and blur, dominate the cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.clustering.kmeans import FeatureArray, require_usable_rows, usable_rows

CHUNK_ROWS = 1024

MIN_RELATIVE_VARIANCE = 1e-9
"""Variance along an axis, as a share of the largest, below which it is rounding."""

# N = rows, D = dimensions of the feature, W = whitened dimensions


@dataclass(frozen=True, eq=False)
class PCAWhitening:
    """`mean` D and `matrix` D×W: a row becomes (row − mean) · matrix."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def __call__(self, rows: FeatureArray) -> NDArray[np.float32]:
        """Whiten N×D rows to N×W; a row that is not usable, blank or not finite, becomes zeros.

        Computes in double precision and rounds to half precision, in which features are stored. So a row gives the
        same bits whatever the other rows and the number of threads are.
        """
        whitened = np.zeros((len(rows), self.matrix.shape[1]), np.float32)
        for i in range(0, len(rows), CHUNK_ROWS):
            chunk = np.asarray(rows[i : i + CHUNK_ROWS], np.float32)
            usable = np.flatnonzero(usable_rows(chunk))
            whitened[i + usable] = ((chunk[usable] - self._mean) @ self._matrix).astype(np.float16)
        return whitened

    @property
    def dims(self) -> int:
        """W."""
        return int(self.matrix.shape[1])

    @property
    def digest(self) -> str:
        arrays = (self.mean, self.matrix)
        return digest("projection", *(np.ascontiguousarray(array, "<f4").tobytes().hex() for array in arrays))

    @cached_property
    def _mean(self) -> NDArray[np.float64]:
        return self.mean.astype(np.float64)

    @cached_property
    def _matrix(self) -> NDArray[np.float64]:
        return self.matrix.astype(np.float64)


def fit_whitening(sample: FeatureArray, dims: int) -> PCAWhitening:
    """Fit the whitening of N×D features to at most `dims` axes; fewer where the sample varies along fewer.

    The same sample gives the same bits for any number of threads: sums and eigenvectors are computed by one thread.
    Raises IngestError without a usable row.
    """
    from threadpoolctl import threadpool_limits

    usable = require_usable_rows(sample)
    rows = sample if usable.all() else sample[usable]
    with threadpool_limits(1):
        mean = rows.mean(axis=0, dtype=np.float64)
        find_axes = _axes_from_gram_matrix if len(rows) < rows.shape[1] else _axes_from_covariance
        axes, variance = find_axes(rows, mean, dims)
    # The library chooses the sign of an eigenvector. Here the strongest entry decides it.
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0, keepdims=True), axis=0))
    matrix = axes * signs / np.sqrt(variance)
    return PCAWhitening(mean.astype(np.float32), matrix.astype(np.float32))


_Axes = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Unit vectors D×W, and the variance along each, strongest first."""


def _axes_from_covariance(rows: FeatureArray, mean: NDArray[np.float64], dims: int) -> _Axes:
    """Use the covariance D×D, summed chunk by chunk: all rows in double precision would not fit into memory."""
    covariance = np.zeros((len(mean), len(mean)))
    for i in range(0, len(rows), CHUNK_ROWS):
        centered = rows[i : i + CHUNK_ROWS] - mean
        covariance += centered.T @ centered
    variance, axes = _largest_eigenpairs(covariance / len(rows), dims)
    return axes, variance


def _axes_from_gram_matrix(rows: FeatureArray, mean: NDArray[np.float64], dims: int) -> _Axes:
    """Use the products of all pairs of rows, N×N: with fewer rows than dimensions, the same axes cost less."""
    centered = rows - mean
    variance, weights = _largest_eigenpairs(centered @ centered.T / len(rows), dims)
    return centered.T @ weights / np.sqrt(variance * len(rows)), variance


def _largest_eigenpairs(symmetric: NDArray[np.float64], dims: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the `dims` largest eigenvalues, descending, and their eigenvectors as columns; leave out rounding."""
    import scipy.linalg

    size = len(symmetric)
    values, vectors = scipy.linalg.eigh(symmetric, subset_by_index=(max(0, size - dims), size - 1))
    kept = np.flatnonzero(values > MIN_RELATIVE_VARIANCE * max(values[-1], np.finfo(float).tiny))[::-1]
    return values[kept], vectors[:, kept]
