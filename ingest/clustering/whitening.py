"""PCA whitening: features on the axes along which a sample of them varies most, each axis scaled to the same variance.

What all crops share, and what few strong directions say about light and blur, drowns the rest in a plain cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.clustering.kmeans import Stored, usable
from ingest.errors import NothingToCluster

CHUNK = 1024
# Variance along an axis, beside the strongest, below which it is rounding.
LEAST_VARIANCE = 1e-9

# N = rows, D = dimensions of the feature, W = whitened dimensions


@dataclass(frozen=True, eq=False)
class PCAWhitening:
    """`mean` D and `matrix` D×W: a row becomes (row − mean) · matrix."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def __call__(self, rows: Stored) -> NDArray[np.float32]:
        """N×D to N×W; a row that cannot be compared, blank or not finite, becomes zeros.

        Computed in double and rounded to half precision, as features are stored: so a row comes out the same to the
        bit, whatever rows come with it and however many threads compute.
        """
        whitened = np.zeros((len(rows), self.matrix.shape[1]), np.float32)
        for i in range(0, len(rows), CHUNK):
            chunk = np.asarray(rows[i : i + CHUNK], np.float32)
            good = np.flatnonzero(usable(chunk))
            whitened[i + good] = ((chunk[good] - self._mean) @ self._matrix).astype(np.float16)
        return whitened

    @property
    def dims(self) -> int:
        """W."""
        return int(self.matrix.shape[1])

    @property
    def digest(self) -> str:
        return digest("projection", *(np.ascontiguousarray(part, "<f4").tobytes().hex() for part in self._parts))

    @property
    def _parts(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.mean, self.matrix

    @cached_property
    def _mean(self) -> NDArray[np.float64]:
        return self.mean.astype(np.float64)

    @cached_property
    def _matrix(self) -> NDArray[np.float64]:
        return self.matrix.astype(np.float64)


def fit_projection(sample: Stored, dims: int) -> PCAWhitening:
    """The projection of N×D features to at most `dims` axes; fewer where the sample does not vary along as many.

    Bit-equal for an equal sample, however many threads there are: sums and eigenvectors are computed by one. Raises
    NothingToCluster without a usable row.
    """
    from threadpoolctl import threadpool_limits

    good = usable(sample)
    rows = sample if good.all() else sample[good]
    if not len(rows):
        raise NothingToCluster(len(sample))
    with threadpool_limits(1):
        mean = rows.mean(axis=0, dtype=np.float64)
        axes, variance = _by_rows(rows, mean, dims) if len(rows) < rows.shape[1] else _by_columns(rows, mean, dims)
    # An eigenvector's sign is the library's choice; the strongest entry decides it here.
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0, keepdims=True), axis=0))
    matrix = axes * signs / np.sqrt(variance)
    return PCAWhitening(mean.astype(np.float32), matrix.astype(np.float32))


_Axes = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Unit vectors D×W, and the variance along each, strongest first."""


def _by_columns(rows: Stored, mean: NDArray[np.float64], dims: int) -> _Axes:
    """By the covariance D×D, gathered chunk by chunk: the rows are never in memory in double precision."""
    covariance = np.zeros((len(mean), len(mean)))
    for i in range(0, len(rows), CHUNK):
        centered = rows[i : i + CHUNK] - mean
        covariance += centered.T @ centered
    variance, axes = _strongest(covariance / len(rows), dims)
    return axes, variance


def _by_rows(rows: Stored, mean: NDArray[np.float64], dims: int) -> _Axes:
    """By the products of all pairs of rows, N×N: of fewer rows than dimensions, the same axes for less."""
    centered = rows - mean
    variance, weights = _strongest(centered @ centered.T / len(rows), dims)
    return centered.T @ weights / np.sqrt(variance * len(rows)), variance


def _strongest(symmetric: NDArray[np.float64], dims: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The largest eigenvalues, descending, and their eigenvectors as columns; none that is rounding."""
    import scipy.linalg

    size = len(symmetric)
    values, vectors = scipy.linalg.eigh(symmetric, subset_by_index=(max(0, size - dims), size - 1))
    kept = np.flatnonzero(values > LEAST_VARIANCE * max(values[-1], np.finfo(float).tiny))[::-1]
    return values[kept], vectors[:, kept]
