"""Clips with known object boxes: cut-outs of photographs that move over a photograph, before a camera that may move.

Everything is drawn from the seed, so a scene is the same on every machine. The background is a plane, and so are the
objects: there is no parallax.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.photos import PHOTOS, Image, Split, photo
from tests.unit.ingest.clip_files import write

WIDTH, HEIGHT = 600, 400
"""The paper's videos: a box is then 227 pixels wide."""

Camera = Literal["still", "pan", "zoom", "rotation", "shake"]
CAMERAS: tuple[Camera, ...] = ("still", "pan", "zoom", "rotation", "shake")
PAN, ZOOM, ROTATION, SHAKE = 3.0, 0.003, 0.25, 2.0
"""Pixels a frame; growth a frame; degrees a frame; standard deviation of a hand's sway in pixels."""
BARS = 20
"""Width in pixels of a fence's bars, and of the gaps between them."""
TURN = 0.4
"""Degrees a frame that an object turns by itself at most."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    """What a clip is like; lengths in pixels of a frame of 600×400, speeds over the background."""

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
    """Bars of the background stand before the objects."""
    stops: int | None = None
    """The frame from which the objects stand still."""


@dataclass(frozen=True)
class Shown:
    """An object in one frame."""

    mask: NDArray[np.bool_]
    """H×W: the pixels of it that are in sight."""
    center: tuple[float, float]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width and height of what is in sight; four zeros where nothing is."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return x, y, width, height


class Scene:
    """One clip: its frames, and where its objects are in each of them."""

    def __init__(self, condition: Condition, seed: int, split: Split) -> None:
        self.condition = condition
        rng = np.random.default_rng((seed, split == "test"))
        self.background = str(rng.choice(PHOTOS[split]))
        self._world = _cover(photo(self.background), rng)
        self._bars = np.zeros(self._world.shape[:2], np.uint8)
        if condition.fence:
            self._bars[:, np.arange(self._world.shape[1]) // BARS % 2 == 0] = 255
        self._camera = _camera_path(condition, rng)
        others = [name for name in PHOTOS[split] if name != self.background]
        self._things = [_Thing(condition, place, photo(str(rng.choice(others))), rng) for place in _places(condition)]
        self._noise = _noise(condition.noise, rng)
        self._rolls = rng.integers(64, size=(condition.frames, 2))

    def images(self) -> Iterator[Image]:
        """The frames, H×W×3 BGR, before compression."""
        for index, camera in enumerate(self._camera):
            image = _warp(self._world, camera @ self._middle)
            for thing in self._things:
                place = camera @ thing.path[index]
                cover = self._cover(thing, index)[..., None].astype(np.float32) / 255
                image = (image + cover * (_warp(thing.picture, place).astype(np.float32) - image)).astype(np.uint8)
            yield self._noisy(image, index)

    def objects(self, index: int) -> list[Shown]:
        """The objects in frame `index`; what lies behind another is out of sight."""
        seen: list[Shown] = []
        hidden = np.zeros((HEIGHT, WIDTH), np.bool_)
        for thing in reversed(self._things):
            place = self._camera[index] @ thing.path[index]
            cover = self._cover(thing, index) > 127
            x, y = (place @ np.array([thing.middle, thing.middle, 1]))[:2]
            seen.append(Shown(cover & ~hidden, (float(x), float(y))))
            hidden |= cover
        return seen[::-1]

    def write(self, path: Path) -> Path:
        """The clip as H.264, 25 frames a second."""
        # x264's code for AVX-512 gives other bytes from run to run.
        options = {"crf": str(self.condition.crf), "preset": "veryfast", "x264-params": "asm=sse4.2"}
        return write(path, self.images(), options=options)

    @property
    def _middle(self) -> Matrix:
        height, width = self._world.shape[:2]
        return _shift(-width / 2, -height / 2)

    def _cover(self, thing: _Thing, index: int) -> Image:
        """H×W: where the object is in sight, as far as the background decides; 255 is all of it."""
        camera = self._camera[index]
        return cv2.subtract(  # type: ignore[return-value]
            _warp(thing.cover, camera @ thing.path[index]), _warp(self._bars, camera @ self._middle)
        )

    def _noisy(self, image: Image, index: int) -> Image:
        if not self.condition.noise:
            return image
        top, left = self._rolls[index]
        return cv2.add(image, self._noise[top : top + HEIGHT, left : left + WIDTH], dtype=cv2.CV_8U)  # type: ignore[return-value]


class _Thing:
    """An object: its picture and cover, and by frame the way from its own pixels to the world's."""

    def __init__(
        self, condition: Condition, place: tuple[float, float], texture: Image, rng: np.random.Generator
    ) -> None:
        side = round(condition.size * 1.7)
        self.middle = side / 2
        self.cover = _blob(side, condition.size**2, rng)
        self.picture = _piece(texture, side, rng)
        direction = rng.choice([0, np.pi]) + rng.uniform(-0.4, 0.4)
        turn = np.deg2rad(rng.uniform(-TURN, TURN))
        times = np.arange(condition.frames) - condition.frames / 2
        last = condition.frames if condition.stops is None else condition.stops
        walked = condition.speed * np.minimum(times, last - condition.frames / 2)
        self.path = [
            _shift(place[0] + np.cos(direction) * way, place[1] + np.sin(direction) * way)
            @ _turned(turn * time)
            @ _shift(-self.middle, -self.middle)
            for way, time in zip(walked, times, strict=True)
        ]


def _places(condition: Condition) -> list[tuple[float, float]]:
    """Where the objects are halfway, from the middle of the frame."""
    return [(0.0, 0.0)] if condition.objects == 1 else [(-90.0, -95.0), (90.0, 95.0)][: condition.objects]


def _camera_path(condition: Condition, rng: np.random.Generator) -> list[Matrix]:
    """By frame, the way from the world's pixels, counted from its middle, to the frame's; plain halfway."""
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
        right, down = (_sway(condition.frames, rng) for _ in range(2))
    return [
        _shift(WIDTH / 2 + x, HEIGHT / 2 + y) @ _turned(turn) @ np.diag([near, near, 1.0])
        for x, y, near, turn in zip(right, down, zoom, angle, strict=True)
    ]


def _sway(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The sway of a hand: noise, smoothed over a few frames, SHAKE pixels large."""
    smooth = np.convolve(rng.normal(size=frames + 8), np.hanning(9), mode="valid")
    return np.asarray(SHAKE * smooth / smooth.std(), np.float64)


def _cover(image: Image, rng: np.random.Generator) -> Image:
    """The photograph, mirrored or not, large enough for the frame and a little more."""
    scale = max(WIDTH / image.shape[1], HEIGHT / image.shape[0]) * rng.uniform(1.0, 1.25)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    grown = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(grown[:, :: rng.choice([-1, 1])], np.uint8)


def _piece(image: Image, side: int, rng: np.random.Generator) -> Image:
    """A square of the photograph with something in it, enlarged where it must be."""
    for _ in range(20):
        cut = round(min(*image.shape[:2], side * rng.uniform(0.8, 1.6)))
        top, left = (int(rng.integers(length - cut + 1)) for length in image.shape[:2])
        piece = np.asarray(cv2.resize(image[top : top + cut, left : left + cut], (side, side)), np.uint8)
        if piece.std() > 35:
            break
    return piece


def _blob(side: int, area: float, rng: np.random.Generator) -> Image:
    """A lumpy outline about the middle of a square: 255 inside."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    waves = sum(
        rng.uniform(0, 0.16 / order) * np.cos(order * angles + rng.uniform(0, 2 * np.pi)) for order in range(2, 6)
    )
    radius = np.clip(1 + waves, 0.6, 1.4)
    radius *= np.sqrt(area / (np.pi * np.mean(radius**2)))
    outline = side / 2 + np.stack((radius * np.cos(angles), radius * np.sin(angles)), axis=-1)
    cover = np.zeros((side, side), np.uint8)
    cv2.fillPoly(cover, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return cover


def _noise(deviation: int, rng: np.random.Generator) -> NDArray[np.int16]:
    return np.asarray(np.rint(rng.normal(0, deviation, (HEIGHT + 64, WIDTH + 64, 3))), np.int16)


def _warp(image: Image, matrix: Matrix) -> Image:
    """The image in the frame; beyond its border it is mirrored, a cover is empty."""
    border = cv2.BORDER_REFLECT if image.ndim == 3 else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(image, matrix[:2], (WIDTH, HEIGHT), borderMode=border), np.uint8)


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _turned(angle: float) -> Matrix:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
