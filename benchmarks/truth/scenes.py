"""Clips with known objects: cut-outs of photographs move over a photograph, and the camera can move too.

Everything is drawn from the seed, so that a scene is the same on every machine. Background and objects are planes:
there is no parallax.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.drawing import (
    NOISE_MARGIN,
    Matrix,
    add_noise,
    enlarge,
    filled,
    noise,
    outline,
    paste,
    piece,
    rotation,
    shift,
    smooth_walk,
    warp,
)
from benchmarks.truth.photos import PHOTOS, Image, Split, photo
from tests.unit.ingest.clip_files import write

WIDTH, HEIGHT = 600, 400
"""As in the paper's videos: a box is 227 pixels wide."""

Camera = Literal["still", "pan", "zoom", "rotation", "shake"]
CAMERAS: tuple[Camera, ...] = ("still", "pan", "zoom", "rotation", "shake")
PAN, ZOOM, ROTATION, SHAKE = 3.0, 0.003, 0.25, 2.0
"""Pixels a frame; growth a frame; degrees a frame; standard deviation of a hand-held camera, pixels."""
BAR_WIDTH = 20
"""Pixels of a fence's bars, and of the gaps between them."""
MAX_ROTATION = 0.4
"""Degrees a frame that an object rotates at most."""


@dataclass(frozen=True)
class Condition:
    """The conditions of a clip. Lengths are in pixels of a frame of 600×400; speeds are relative to the background."""

    camera: Camera = "still"
    speed: float = 4.0
    """Pixels a frame."""
    size: int = 120
    """Square root of an object's area."""
    noise: int = 3
    """Standard deviation of the sensor's noise, gray levels."""
    crf: int = 23
    """Compression: x264's constant rate factor."""
    objects: int = 1
    frames: int = 56
    fence: bool = False
    """Bars of the background's texture cover the objects."""
    stops: int | None = None
    """The frame at which the objects stop."""


@dataclass(frozen=True)
class VisibleObject:
    """An object in one frame."""

    mask: NDArray[np.bool_]
    """Its visible pixels, H×W."""
    center: tuple[float, float]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width and height of the visible pixels; four zeros if there are none."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return x, y, width, height


class Scene:
    """One clip: its frames, and its objects in each of them."""

    def __init__(self, condition: Condition, seed: int, split: Split) -> None:
        self.condition = condition
        rng = np.random.default_rng((seed, split == "test"))
        self.background = str(rng.choice(PHOTOS[split]))
        self._world = enlarge(photo(self.background), (WIDTH, HEIGHT), rng)
        self._bars = np.zeros(self._world.shape[:2], np.uint8)
        if condition.fence:
            self._bars[:, np.arange(self._world.shape[1]) // BAR_WIDTH % 2 == 0] = 255
        self._camera = _camera_path(condition, rng)
        others = [name for name in PHOTOS[split] if name != self.background]
        self._objects = [_Object(condition, at, photo(str(rng.choice(others))), rng) for at in _positions(condition)]
        self._noise = noise(condition.noise, (WIDTH, HEIGHT), rng)
        self._noise_offsets = rng.integers(NOISE_MARGIN, size=(condition.frames, 2))

    def images(self) -> Iterator[Image]:
        """Yield the frames, H×W×3 BGR, before compression."""
        for index, camera in enumerate(self._camera):
            image = _warp(self._world, camera @ self._to_center)
            for each in self._objects:
                image = paste(image, _warp(each.picture, camera @ each.path[index]), self._alpha(each, index))
            yield add_noise(image, self._noise, self._noise_offsets[index]) if self.condition.noise else image

    def objects(self, index: int) -> list[VisibleObject]:
        """Return the objects in frame `index`; the front one hides the others."""
        visible: list[VisibleObject] = []
        hidden = np.zeros((HEIGHT, WIDTH), np.bool_)
        for each in reversed(self._objects):
            mask = self._alpha(each, index) > 127
            x, y = (self._camera[index] @ each.path[index] @ np.array([each.center, each.center, 1]))[:2]
            visible.append(VisibleObject(mask & ~hidden, (float(x), float(y))))
            hidden |= mask
        return visible[::-1]

    def write(self, path: Path) -> Path:
        """Write the clip as H.264, 25 frames a second."""
        # With AVX-512, x264 does not give the same bytes in every run.
        options = {"crf": str(self.condition.crf), "preset": "veryfast", "x264-params": "asm=sse4.2"}
        return write(path, self.images(), options=options)

    @property
    def _to_center(self) -> Matrix:
        """The matrix from the background photograph's pixels to the world's, which start at its center."""
        height, width = self._world.shape[:2]
        return shift(-width / 2, -height / 2)

    def _alpha(self, each: _Object, index: int) -> Image:
        """Return the opacity of an object in a frame, H×W, at most 255; the fence covers it."""
        camera = self._camera[index]
        return cv2.subtract(  # type: ignore[return-value]
            _warp(each.alpha, camera @ each.path[index]), _warp(self._bars, camera @ self._to_center)
        )


class _Object:
    """An object: its picture and opacity, and for each frame the matrix from its own pixels to the world's."""

    def __init__(
        self, condition: Condition, position: tuple[float, float], texture: Image, rng: np.random.Generator
    ) -> None:
        side = round(condition.size * 1.7)
        self.center = side / 2
        self.alpha = filled(side, outline(side, condition.size**2, rng))
        self.picture = piece(texture, side, rng)
        direction = rng.choice([0, np.pi]) + rng.uniform(-0.4, 0.4)
        turn = np.deg2rad(rng.uniform(-MAX_ROTATION, MAX_ROTATION))
        times = np.arange(condition.frames) - condition.frames / 2
        last = condition.frames if condition.stops is None else condition.stops
        distances = condition.speed * np.minimum(times, last - condition.frames / 2)
        self.path = [
            shift(position[0] + np.cos(direction) * distance, position[1] + np.sin(direction) * distance)
            @ rotation(turn * time)
            @ shift(-self.center, -self.center)
            for distance, time in zip(distances, times, strict=True)
        ]


def _positions(condition: Condition) -> list[tuple[float, float]]:
    """Return the objects' positions in the middle of the clip, from the center of the frame."""
    return [(0.0, 0.0)] if condition.objects == 1 else [(-90.0, -95.0), (90.0, 95.0)][: condition.objects]


def _camera_path(condition: Condition, rng: np.random.Generator) -> list[Matrix]:
    """Return for each frame the matrix from the world's pixels to the frame's; only a shift halfway."""
    times = np.arange(condition.frames) - condition.frames / 2
    direction, sign = rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
    right, down = np.zeros((2, condition.frames))
    zoom, angle = np.ones(condition.frames), np.zeros(condition.frames)
    if condition.camera == "pan":
        right, down = PAN * np.cos(direction) * times, PAN * np.sin(direction) * times
    elif condition.camera == "zoom":
        zoom = np.exp(sign * ZOOM * times)
    elif condition.camera == "rotation":
        angle = np.deg2rad(sign * ROTATION * times)
    elif condition.camera == "shake":
        right, down = (smooth_walk(condition.frames, SHAKE, rng) for _ in range(2))
    return [
        shift(WIDTH / 2 + x, HEIGHT / 2 + y) @ rotation(turn) @ np.diag([scale, scale, 1.0])
        for x, y, scale, turn in zip(right, down, zoom, angle, strict=True)
    ]


def _warp(image: Image, matrix: Matrix) -> Image:
    return warp(image, matrix, (WIDTH, HEIGHT))
