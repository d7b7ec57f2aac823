"""What an extractor is, and how one is asked for by name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Extractor(Protocol):
    """What clustering needs to know of a feature."""

    @property
    def name(self) -> str: ...

    @property
    def dims(self) -> int: ...

    @property
    def digest(self) -> str:
        """16 hex digits over name, version and parameters: equal digests mean equal features."""

    @property
    def whiten(self) -> int:
        """Dimensions that its features are whitened to where the settings leave it open; 0: not at all."""

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×S×S×3 RGB crops to N×dims rows of unit length; a crop without content gives a row of zeros."""


def normalize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit length; a row without length stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return units
