"""HOG as an extractor."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.features.base import normalize
from trainer.models.hog import Hog


@dataclass(frozen=True, kw_only=True)
class HogExtractor(Hog):
    """HOG with rows of unit length. See `Hog` for its parameters."""

    name = "hog"
    version = "1"
    whiten = 0

    @property
    def digest(self) -> str:
        return digest(self.name, self.version, *(f"{name}={value}" for name, value in asdict(self).items()))

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return normalize(super().__call__(crops))
