"""HOG: histograms of oriented gradients."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from graphdb.model import digest
from ingest.features.base import normalize


@dataclass(frozen=True, kw_only=True)
class HogExtractor:
    """Histograms of oriented gradients, the paper's HOG row: 4,356 numbers of a crop scaled to 96×96.

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
        rows = np.zeros((len(crops), self.dims), np.float32)
        for i in range(0, len(crops), self.batch):
            images = scaled(crops[i : i + self.batch], self.size)
            rows[i : i + self.batch] = self._blocks(self._cells(images.astype(np.float32)))
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


def scaled(crops: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """N×S×S×3 crops as N×`side`×`side`×3."""
    if crops.shape[1:3] == (side, side) or not len(crops):
        return crops
    how = cv2.INTER_AREA if crops.shape[1] > side else cv2.INTER_CUBIC
    return np.stack([np.asarray(cv2.resize(crop, (side, side), interpolation=how), np.uint8) for crop in crops])
