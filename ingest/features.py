"""Crops in, unit vectors out: what clustering compares. And the files that keep them.

An extractor is a name, a digest of all that its numbers depend on, and a call. `hog` is here; networks plug in
by the same protocol. Features of another digest lie in another folder, so old and new never mix.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graphdb.files import whole_file, writing
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

    @property
    def whiten(self) -> int:
        """Dimensions that its features are whitened to where the settings leave it open; 0: not at all."""

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×S×S×3 RGB crops to N×dims rows of unit length; a crop without content gives a row of zeros."""


@dataclass(frozen=True, kw_only=True)
class HogExtractor:
    """Histograms of oriented gradients, the paper's HOG row: 4,356 numbers of a 96×96 crop.

    Blocks are normalized softly: one fainter than the crop's average block stays faint. Plain normalization (softness
    0) raises the blur behind an object to the strength of its outline, and starts are then joined by their background.
    """

    size: int = 96
    orientations: int = 9
    cell: int = 8
    block: int = 2
    softness: float = 1.0

    name = "hog"
    version = "1"
    whiten = 0
    batch = 64

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
        rows = np.zeros((len(crops), self.dims), np.float32)
        for i in range(0, len(crops), self.batch):
            rows[i : i + self.batch] = self._blocks(self._cells(crops[i : i + self.batch].astype(np.float32)))
        return normalize(rows)

    def _cells(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Gradient strength by cell and direction, of the color that changes most: N×cells×cells×orientations."""
        across, down = np.zeros_like(images), np.zeros_like(images)
        across[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
        down[:, 1:-1] = images[:, 2:] - images[:, :-2]
        strongest = np.argmax(across**2 + down**2, axis=3, keepdims=True)
        across, down = (np.take_along_axis(part, strongest, axis=3)[..., 0] for part in (across, down))
        direction = np.arctan2(down, across) % np.float32(np.pi) / np.float32(np.pi) * self.orientations
        num_cells = self.size // self.cell
        n, y, x = np.ogrid[: len(images), : self.size, : self.size]
        cell = (n * num_cells + y // self.cell) * num_cells + x // self.cell
        place = cell * self.orientations + direction.astype(np.int64) % self.orientations
        shape = (len(images), num_cells, num_cells, self.orientations)
        sums = np.bincount(place.ravel(), np.hypot(across, down).ravel(), int(np.prod(shape)))
        return sums.reshape(shape).astype(np.float32)

    def _blocks(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cells gathered into overlapping blocks, each normalized: N×dims."""
        windows = np.lib.stride_tricks.sliding_window_view(cells, (self.block, self.block), axis=(1, 2))
        blocks = np.moveaxis(windows, 3, 5)
        energy = np.square(blocks).sum(axis=(3, 4, 5), keepdims=True)
        floor = self.softness**2 * energy.mean(axis=(1, 2), keepdims=True)
        norm = np.sqrt(np.maximum(energy + floor, np.finfo(np.float32).tiny))
        rows: NDArray[np.float32] = (blocks / norm).reshape(len(cells), -1)
        return rows


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
    """Keep one video's features (N×dims, in start-id order) as fp16; a reader sees all of the file or none.

    Raises CannotWrite.
    """
    # By way of memory: numpy, writing to a file itself, keeps the system's reason for a failure to itself.
    content = io.BytesIO()
    np.save(content, rows.astype(np.float16))
    with whole_file(features_path(folder, extractor, video)) as file:
        file.write(content.getbuffer())


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


def drop_features(folder: Path, video: str) -> None:
    """Forget one video's features, of every extractor: its starts are about to change."""
    for path in folder.glob(f"*/{video}.npy"):
        with writing(path):
            path.unlink()
