"""Clips with two to six things at a time, over a still or a moving camera, with their true boxes in each frame.

To tune mining on them, from the root of the project:

    python -m benchmarks.truth.report --motion things --split tuning --groups 10 --decoys 1

In code, every score takes a function `mine(path) -> MinedVideo`, so that it serves every way to find tracks:

    from benchmarks.truth.several.groups import groups
    from benchmarks.truth.several.score import score_group
    from benchmarks.truth.several.table import GroupTotal
    scene = groups("tuning", 1)[0]
    score = score_group(scene, scene.write(Path("clip.mp4")), mine)
    print(GroupTotal.of([score]).line("one clip"))
    print(scene.things(40))     # what frame 40 shows: masks, outlines, true squares

Never tune on the split "test": its seeds and its photographs are others. Things and background are planes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.drawing import (
    NOISE_MARGIN,
    Matrix,
    Size,
    add_noise,
    enlarge,
    noise,
    paste,
    shift,
    smooth_walk,
    warp,
)
from benchmarks.truth.photos import PHOTOS, Image, Split, photo
from benchmarks.truth.several.paths import Space, paths, roles
from benchmarks.truth.several.things import Seen, Thing
from tests.unit.ingest.clip_files import write

Camera = Literal["still", "sway", "shake", "zoom"]
CAMERAS: tuple[Camera, ...] = ("still", "sway", "shake", "zoom")
SIZES: tuple[Size, ...] = ((640, 480), (768, 576), (480, 360), (1280, 720))
SPEEDS = (0.15, 0.3, 0.5)
"""Mean speed of the things, in short sides of the frame a second."""
FRAMES, RATE = 150, 25
SMALLEST = 48
"""Pixels of the smallest thing; with its margin, its box has about 64."""
LARGEST = 0.7
"""Share of the frame's short side; the paper's box has 0.57."""
FIRST_SEEDS = {"tuning": 2_000_000, "test": 3_000_000}


class Group:
    """One clip: its frames, and the things in each of them."""

    def __init__(self, seed: int, split: Split, size: Size, camera: Camera, things: int, speed: float) -> None:
        rng = np.random.default_rng((seed, split == "test"))
        self.size, self.camera, self.frames = size, camera, FRAMES
        self.background = str(rng.choice(PHOTOS[split]))
        self._world = enlarge(photo(self.background), size, rng)
        self._views = _camera_path(camera, size, rng)
        self.roles = roles(things, rng)
        sides = _sides(things, min(size), rng)
        speeds = speed * min(size) / RATE * rng.uniform(0.7, 1.4, things)
        ways = paths(self.roles, sides, list(speeds), Space(*size, FRAMES), rng)
        others = [name for name in PHOTOS[split] if name != self.background]
        self._things = [
            Thing(side, way, photo(str(rng.choice(others))), rng) for side, way in zip(sides, ways, strict=True)
        ]
        self._noise = noise(int(rng.integers(0, 6)), size, rng)
        self._noise_offsets = rng.integers(NOISE_MARGIN, size=(FRAMES, 2))
        self._crf = int(rng.integers(18, 29))

    @property
    def name(self) -> str:
        width, height = self.size
        return f"{len(self.roles)} things ({', '.join(self.roles)}), {self.camera}, {width}×{height}"

    def images(self) -> Iterator[Image]:
        """Yield the frames, H×W×3 BGR, before compression."""
        middle = shift(-self._world.shape[1] / 2, -self._world.shape[0] / 2)
        for index, view in enumerate(self._views):
            image = warp(self._world, view @ middle, self.size)
            for thing in self._things:
                matrix = view @ thing.matrices[index]
                left, top, right, bottom = self._window(thing.points(matrix))
                if left < right and top < bottom:
                    matrix, size = shift(-left, -top) @ matrix, (right - left, bottom - top)
                    part = image[top:bottom, left:right]
                    part[:] = paste(part, warp(thing.picture, matrix, size), warp(thing.alpha, matrix, size))
            yield add_noise(image, self._noise, self._noise_offsets[index])

    def things(self, index: int) -> list[Seen]:
        """Return all things in frame `index`; the later ones hide the earlier ones."""
        seen: list[Seen] = []
        hidden = np.zeros(self.size[::-1], np.bool_)
        for thing in reversed(self._things):
            matrix = self._views[index] @ thing.matrices[index]
            mask = warp(thing.alpha, matrix, self.size) > 127
            seen.append(Seen(mask & ~hidden, thing.points(matrix)))
            hidden |= mask
        return seen[::-1]

    def _window(self, points: NDArray[np.float64]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the part of the frame that an outline lies in."""
        left, top = np.floor(points.min(axis=0)).astype(int) - 1
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + 2
        return max(0, left), max(0, top), min(self.size[0], right), min(self.size[1], bottom)

    def traveled(self, thing: int, first: int, last: int) -> float:
        """Return how far a thing moves over the background between two frames, in pixels of the background."""
        way = self._things[thing].way
        return float(np.hypot(*(way[last] - way[first])))

    def write(self, path: Path) -> Path:
        """Write the clip as H.264, 25 frames a second."""
        # With AVX-512, x264 does not give the same bytes in every run.
        options = {"crf": str(self._crf), "preset": "veryfast", "x264-params": "asm=sse4.2"}
        return write(path, self.images(), options=options)


def groups(split: Split, count: int) -> list[Group]:
    """Return `count` clips; a smaller count gives the first of these clips."""
    return [_group(FIRST_SEEDS[split] + number, split, number) for number in range(count)]


def _group(seed: int, split: Split, number: int) -> Group:
    """Take sizes, cameras and numbers of things in turn, so that few clips already show all of them."""
    camera = CAMERAS[0] if number % 2 == 0 else CAMERAS[1 + number // 2 % (len(CAMERAS) - 1)]
    return Group(seed, split, SIZES[number % 4], camera, 2 + number % 5, SPEEDS[number % 3])


def _sides(things: int, short: int, rng: np.random.Generator) -> list[float]:
    """Return sizes from the smallest to a medium one; in half of the clips, one is larger than the paper's box."""
    sides = list(np.exp(rng.uniform(np.log(SMALLEST), np.log(short * 0.4), things)))
    if rng.random() < 0.5:
        sides[0] = short * rng.uniform(0.58, LARGEST)
    return [float(side) for side in sides]


def _camera_path(camera: Camera, size: Size, rng: np.random.Generator) -> list[Matrix]:
    """Return for each frame the matrix from the world's pixels to the frame's."""
    times = np.arange(FRAMES) - FRAMES / 2
    right, down = np.zeros((2, FRAMES))
    zoom = np.ones(FRAMES)
    if camera == "sway":
        phase, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.15, 2) * size
        right, down = (reach[axis] * np.sin(2 * np.pi * times / FRAMES + phase + axis) for axis in range(2))
    elif camera == "shake":
        right, down = (smooth_walk(FRAMES, 0.004 * min(size), rng) for _ in range(2))
    elif camera == "zoom":
        zoom = np.exp(rng.choice([-1, 1]) * 0.0015 * times)
    return [
        shift(size[0] / 2 + x, size[1] / 2 + y) @ np.diag([scale, scale, 1.0])
        for x, y, scale in zip(right, down, zoom, strict=True)
    ]
