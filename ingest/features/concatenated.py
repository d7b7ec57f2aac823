"""Concatenate the features of several extractors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.features.base import Extractor, normalize


@dataclass(frozen=True)
class ConcatenatedExtractor:
    """Concatenates features of unit length: the cosine is then the mean of the extractors' cosines."""

    parts: tuple[Extractor, ...]

    version = "1"
    whiten = 0
    """On data of hundreds of starts, whitening makes both features worse, HOG more than the network's."""

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    @property
    def dims(self) -> int:
        return sum(part.dims for part in self.parts)

    @property
    def digest(self) -> str:
        return digest("joined", self.version, *(part.digest for part in self.parts))

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return normalize(np.hstack([part(crops) for part in self.parts]))
