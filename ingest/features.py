"""Crops in, unit vectors out: what clustering compares. And the files that keep them.

An extractor is a name, a digest of all that its numbers depend on, and a call. `hog` is here; networks plug in
by the same protocol. Features of another digest lie in another folder, so old and new never mix.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.errors import DamagedFeatures, UnknownExtractor


class Extractor(Protocol):
    """What clustering needs to know of a feature."""

    @property
    def name(self) -> str: ...

    @property
    def dims(self) -> int: ...

    @property
    def digest(self) -> str:
        """16 hex digits over name, version and parameters: equal digests mean equal features."""

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×S×S×3 RGB crops to N×dims rows of unit length; a crop without content gives a row of zeros."""


@dataclass(frozen=True, kw_only=True)
class HogExtractor:
    """Histograms of oriented gradients, the paper's HOG row: 4,356 numbers of a 96×96 crop."""

    size: int = 96
    orientations: int = 9
    cell: int = 8
    block: int = 2

    name = "hog"
    version = "1"

    @property
    def dims(self) -> int:
        cells = self.size // self.cell
        return (cells - self.block + 1) ** 2 * self.block**2 * self.orientations

    @property
    def digest(self) -> str:
        return digest(self.name, self.version, *(f"{name}={value}" for name, value in asdict(self).items()))

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        if crops.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"hog takes N×{self.size}×{self.size}×3 crops, not {'×'.join(map(str, crops.shape))}")
        rows = np.empty((len(crops), self.dims), np.float32)
        for row, crop in zip(rows, crops, strict=True):
            row[:] = self._describe(crop)
        return normalize(rows)

    def _describe(self, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
        from skimage.feature import hog

        described: NDArray[np.float64] = hog(
            crop,
            orientations=self.orientations,
            pixels_per_cell=(self.cell, self.cell),
            cells_per_block=(self.block, self.block),
            channel_axis=-1,
        )
        return described


def load_extractor(name: str) -> Extractor:
    """The extractor called `name`. Raises UnknownExtractor, which names those that exist."""
    if name == HogExtractor.name:
        return HogExtractor()
    raise UnknownExtractor(name, [HogExtractor.name])


def normalize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit length; a row without length stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return units


def features_path(folder: Path, extractor: str, video: str) -> Path:
    return folder / extractor / f"{video}.npy"


def write_features(folder: Path, extractor: str, video: str, rows: NDArray[np.float32]) -> None:
    """Keep one video's features (N×dims, in start-id order) as fp16; a reader sees all of the file or none."""
    path = features_path(folder, extractor, video)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.save(file, rows.astype(np.float16))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_features(folder: Path, extractor: str, video: str) -> NDArray[np.float32]:
    """One video's features, N×dims. Raises DamagedFeatures if the file is missing, cut or of another kind."""
    path = features_path(folder, extractor, video)
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedFeatures(path, str(error)) from error
    if rows.ndim != 2 or rows.dtype != np.float16:
        raise DamagedFeatures(path, f"it holds {rows.ndim}-d {rows.dtype}, not rows of float16")
    converted: NDArray[np.float32] = rows.astype(np.float32)
    return converted
