"""A thing of a clip: its picture and shape, and what a frame shows of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.drawing import Matrix, filled, outline, piece, rotation, shift
from benchmarks.truth.photos import Image
from benchmarks.truth.several.paths import Path


@dataclass(frozen=True)
class Seen:
    """A thing in one frame."""

    mask: NDArray[np.bool_]
    """Its visible pixels, H×W."""
    outline: NDArray[np.float64]
    """N×2 points (x, y) of its whole outline, which may reach beyond the frame."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the whole thing."""
        left, top = self.outline.min(axis=0)
        right, bottom = self.outline.max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    @property
    def center(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def side(self) -> float:
        """Side of the square around the whole thing."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def visible(self) -> float:
        """Share of the thing that the frame shows: neither hidden by others nor outside."""
        area = cv2.contourArea(self.outline.astype(np.float32))
        return min(1.0, float(self.mask.sum()) / max(1.0, area))


class Thing:
    """A thing: its picture and opacity, and for each frame the matrix from its own pixels to the world's."""

    def __init__(self, size: float, way: Path, texture: Image, rng: np.random.Generator) -> None:
        side = round(size * 1.5)
        self.way = way
        self.outline = outline(side, np.pi / 4 * size**2 * 0.8, rng)
        self.outline[:, 0] = side / 2 + (self.outline[:, 0] - side / 2) * rng.uniform(0.6, 1.0)
        self.alpha = filled(side, self.outline)
        self.picture = piece(texture, side, rng)
        turn, growth = np.deg2rad(rng.uniform(-0.3, 0.3)), rng.uniform(-0.001, 0.001)
        times = np.arange(len(way)) - len(way) / 2
        scales = np.exp(growth * times)
        self.matrices = [
            shift(*position) @ rotation(turn * time) @ np.diag([scale, scale, 1.0]) @ shift(-side / 2, -side / 2)
            for position, time, scale in zip(way, times, scales, strict=True)
        ]

    def points(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return the outline in a frame; `matrix` leads from the thing's own pixels to the frame's."""
        return np.asarray(self.outline @ matrix[:2, :2].T + matrix[:2, 2], np.float64)
