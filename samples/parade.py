"""Make one uncut film in which several objects are on the move at a time: they enter, cross, stop, meet and leave."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from backgrounds import CLIP_PHOTOS, Backdrop, read_photo
from clips import ELEVATION, RATE, compose, draw_look, fit, rounded, write_video
from models import Instance, Mesh, load_mesh
from numpy.typing import NDArray
from render import Renderer, extent, rotation

SIZE = WIDTH, HEIGHT = 640, 360
FRAMES = 40 * RATE
OBJECTS = 18
PATCH = 224  # an object is drawn into a square of this side
LANES = ((175, 80), (255, 110), (345, 150))  # of each lane, far to near: row of the ground, size of an object
SPEED = 2.6, 4.4  # pixels a frame in the nearest lane; the others are slower, as they are farther away
STOP = 25, 50  # frames that an object stands still, if it does
SWAY = 2.0  # pixels that the camera moves
BOX_STEP = 5  # frames from one row of a moment to the next in the table of boxes
PHOTO = "cincinnati-bridge.jpg"


@dataclass(frozen=True)
class Walk:
    """The way of an object across the frame. `first` is the frame in which it starts, outside the picture.

    `places` are its centers, [frames, 2]; `turn` is its azimuth at both ends of the way, in radians.
    """

    first: int
    places: NDArray[np.float64]
    turn: tuple[float, float]


class Actor:
    """An object of the film: its mesh, its look, and where it is in each frame."""

    def __init__(self, instance: Instance, mesh: Mesh, lane: int, first: int, rng: np.random.Generator) -> None:
        self.instance, self.mesh = instance, mesh
        self.look = draw_look(rng)
        self.elevation = np.deg2rad(rng.uniform(*ELEVATION))
        ground, size = LANES[lane]
        spins = [rotation(azimuth, self.elevation) for azimuth in np.linspace(0, 2 * np.pi, 8, endpoint=False)]
        self.zoom, self.center, self.half = fit(mesh, spins, size * rng.uniform(0.85, 1.1), size * 1.3, PATCH)
        speed = rng.uniform(*SPEED) * size / LANES[-1][1]
        self.walk = _walk(first, ground - self.half[1], self.half[0], speed, rng)

    def place(self, frame: int, camera: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return where the object's center is in a frame, or None while it is not in the film.

        `camera` is how far the camera has moved, pixels right and down.
        """
        at = frame - self.walk.first
        return self.walk.places[at] - camera if 0 <= at < len(self.walk.places) else None

    def spin(self, frame: int) -> NDArray[np.float32]:
        start, end = self.walk.turn
        share = (frame - self.walk.first) / len(self.walk.places)
        return rotation(start + (end - start) * share, self.elevation)

    def box(self, frame: int, camera: NDArray[np.float64]) -> tuple[int, int, int, int] | None:
        """Return x, y, width and height of the part of the object's rectangle that lies in the frame."""
        place = self.place(frame, camera)
        if place is None:
            return None
        left, bottom, right, top = extent(self.mesh, self.spin(frame)) * self.zoom * PATCH
        x, y = place[0] - self.center[0], place[1] + self.center[1]
        low = np.clip(np.floor([x + left, y - top]), 0, SIZE).astype(int)
        high = np.clip(np.ceil([x + right, y - bottom]), 0, SIZE).astype(int)
        width, height = (high - low).tolist()
        return (int(low[0]), int(low[1]), width, height) if width > 0 and height > 0 else None


def make_parade(options: argparse.Namespace, training: Sequence[Instance]) -> None:
    """Write `videos/parade.mp4`, and `parade.csv` with the boxes of its objects."""
    rng = np.random.default_rng([options.seed, FRAMES])
    photo = next(photo for photo in CLIP_PHOTOS if photo.file == PHOTO)
    backdrop = Backdrop(read_photo(options.share, photo), WIDTH, HEIGHT, 48, rng)
    actors = _cast(options.share, training, rng)
    phase, period = rng.uniform(0, 6.3, 2), rng.uniform(60, 110, 2)
    camera = SWAY * np.sin(2 * np.pi * np.arange(FRAMES)[:, None] / period + phase)
    write_video(options.out / "videos" / "parade.mp4", _film(actors, backdrop, camera), options.quality, SIZE)
    _write_boxes(options.out / "parade.csv", actors, camera)


def _cast(share: Path, training: Sequence[Instance], rng: np.random.Generator) -> list[Actor]:
    """Return the objects, those of the farthest lane first; each class takes its turn."""
    kinds: dict[str, list[Instance]] = {}
    for at in rng.permutation(len(training)):
        kinds.setdefault(training[at].kind, []).append(training[at])
    dealt = [instance for deal in zip_longest(*kinds.values()) for instance in deal if instance is not None]
    starts = np.linspace(-120, FRAMES - 120, OBJECTS) + rng.uniform(-15, 15, OBJECTS)
    lanes: list[list[Actor]] = [[] for _ in LANES]
    for number, (instance, first) in enumerate(zip(dealt, starts, strict=False)):
        lane = number % len(LANES)
        lanes[lane].append(Actor(instance, load_mesh(share, instance.model), lane, round(first), rng))
    return [actor for lane in lanes for actor in lane]


def _walk(first: int, row: float, half: float, speed: float, rng: np.random.Generator) -> Walk:
    """Return a straight way from one side of the frame to the other; every second object stops on it once."""
    side = rng.choice([-1, 1])
    out = WIDTH / 2 + half + 2
    columns = WIDTH / 2 + side * np.linspace(-out, out, round(2 * out / speed))
    if rng.random() < 0.5:
        at = round(len(columns) * rng.uniform(0.3, 0.7))
        columns = np.insert(columns, at, np.full(rng.integers(*STOP), columns[at]))
    start = rng.uniform(0, 2 * np.pi)
    places = np.stack((columns, np.full(len(columns), row)), axis=-1)
    return Walk(first, places, (start, start + rng.choice([-1, 1]) * np.deg2rad(rng.uniform(120, 240))))


def _film(actors: Sequence[Actor], backdrop: Backdrop, camera: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames, RGB uint8 [HEIGHT, WIDTH, 3]."""
    renderer = Renderer(PATCH)
    for number, (right, down) in enumerate(camera):
        frame = backdrop.view(right, down, 1.0)
        for actor in actors:
            place = actor.place(number, camera[number])
            if place is not None:
                renderer.load(actor.mesh)
                compose(frame, renderer, actor.spin(number), actor.look, actor.zoom, actor.center, place)
        yield rounded(frame)


def _write_boxes(path: Path, actors: Sequence[Actor], camera: NDArray[np.float64]) -> None:
    """Write where each object is, in every fifth frame; in a frame, later objects hide earlier ones."""
    with path.open("w", newline="") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["frame", "class", "instance", "lookalike", "x", "y", "width", "height"])
        for frame in range(0, FRAMES, BOX_STEP):
            for actor in actors:
                if box := actor.box(frame, camera[frame]):
                    shown = actor.instance
                    rows.writerow([frame, shown.kind, shown.id, shown.lookalike, *box])
