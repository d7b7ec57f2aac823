"""HOG: histograms of oriented gradients. Needs numpy and OpenCV only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BATCH = 64
"""Crops that are computed at a time."""

# N = crops, S = side, C = color channels, D = dims


@dataclass(frozen=True, kw_only=True)
class Hog:
    """Histograms of oriented gradients, the paper's HOG row: 4,356 numbers of a crop scaled to 96×96.

    Blocks are normalized softly: a block fainter than the crop's average block stays faint. Plain normalization
    (softness 0) raises the blur behind an object to the strength of its outline, and crops then match by their
    background.
    """

    size: int = 96
    orientations: int = 9
    cell: int = 8
    block: int = 2
    softness: float = 1.0

    @property
    def dims(self) -> int:
        cells = self.size // self.cell
        return (cells - self.block + 1) ** 2 * self.block**2 * self.orientations

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the features of N×S×S×3 RGB crops: N×dims. A blank crop gives a row of zeros."""
        rows_ND = np.zeros((len(crops), self.dims), np.float32)
        for start in range(0, len(crops), BATCH):
            images = scale_crops(crops[start : start + BATCH], self.size)
            rows_ND[start : start + BATCH] = self._blocks(self._cells(images.astype(np.float32)))
        return rows_ND

    def _cells(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum gradient strength by cell and orientation: N×cells×cells×orientations.

        The gradient of a pixel is that of the color channel that changes most.
        """
        across, down = np.zeros_like(images), np.zeros_like(images)
        across[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
        down[:, 1:-1] = images[:, 2:] - images[:, :-2]
        strongest = np.argmax(across**2 + down**2, axis=3, keepdims=True)
        across, down = (np.take_along_axis(part, strongest, axis=3)[..., 0] for part in (across, down))
        direction = np.arctan2(down, across) % np.float32(np.pi) / np.float32(np.pi) * self.orientations
        num_cells = self.size // self.cell
        n, y, x = np.ogrid[: len(images), : self.size, : self.size]
        cell = (n * num_cells + y // self.cell) * num_cells + x // self.cell
        bins = cell * self.orientations + direction.astype(np.int64) % self.orientations
        shape = (len(images), num_cells, num_cells, self.orientations)
        sums = np.bincount(bins.ravel(), np.hypot(across, down).ravel(), int(np.prod(shape)))
        return sums.reshape(shape).astype(np.float32)

    def _blocks(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """Gather cells into overlapping blocks, and normalize each block: N×dims."""
        windows = np.lib.stride_tricks.sliding_window_view(cells, (self.block, self.block), axis=(1, 2))
        blocks = np.moveaxis(windows, 3, 5)
        energy = np.square(blocks).sum(axis=(3, 4, 5), keepdims=True)
        floor = self.softness**2 * energy.mean(axis=(1, 2), keepdims=True)
        norm = np.sqrt(np.maximum(energy + floor, np.finfo(np.float32).tiny))
        rows: NDArray[np.float32] = (blocks / norm).reshape(len(cells), -1)
        return rows


def scale_crops(crops_NSSC: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale N×S×S×3 crops to N×`side`×`side`×3."""
    if crops_NSSC.shape[1:3] == (side, side) or not len(crops_NSSC):
        return crops_NSSC
    interpolation = cv2.INTER_AREA if crops_NSSC.shape[1] > side else cv2.INTER_CUBIC
    scaled = [cv2.resize(crop_SSC, (side, side), interpolation=interpolation) for crop_SSC in crops_NSSC]
    return np.stack([np.asarray(crop_SSC, np.uint8) for crop_SSC in scaled])
