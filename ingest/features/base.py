"""The interface of a feature extractor."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Extractor(Protocol):
    """Computes a feature for each crop."""

    @property
    def name(self) -> str: ...

    @property
    def dims(self) -> int:
        """Length of a feature."""

    @property
    def digest(self) -> str:
        """16 hex digits of name, version and parameters: extractors with equal digests compute equal features."""

    @property
    def whiten(self) -> int:
        """Dimensions that the features are whitened to by default; 0 for no whitening."""

    def __call__(self, crops: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Return the features of N×S×S×3 RGB crops, N×dims: rows of unit length, or of zeros for a blank crop."""


def normalize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to unit length; a row of zeros stays as it is."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return units
