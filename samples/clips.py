"""Make clips and images of one object. In a clip it moves and turns in front of a photograph; the camera drifts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from backgrounds import Backdrop
from models import Mesh
from numpy.typing import NDArray
from render import Look, Renderer, extent, rotation

WIDTH, HEIGHT, RATE = 320, 180, 25
BOX = 102  # the side of a mined patch: 227/400 of the short side
STILL = 112  # the side of a held-out image
LONGEST = 1.25  # maximum length of an object's longer side, in boxes: slender objects are drawn larger to fill the box
TURN, MIDDLE = (45, 75), 10  # degrees that an object turns; maximum degrees between it and the front, halfway through
FILL = 0.8, 0.95  # geometric mean of an object's width and height, in boxes
ELEVATION = (10, 18)  # degrees of the camera above the horizon


class Scene:
    """The random choices for one clip, all drawn from `rng`: size, colors, light, turn and paths."""

    PATCH = 160  # the object is drawn into a square of this side

    def __init__(self, mesh: Mesh, photo: NDArray[np.float32], frames: int, rng: np.random.Generator) -> None:
        self.frames = frames
        self.look = draw_look(rng)
        elevation = np.deg2rad(rng.uniform(*ELEVATION))
        turn = np.deg2rad(rng.uniform(*TURN)) * rng.choice([-1, 1])
        middle = np.deg2rad(rng.uniform(-MIDDLE, MIDDLE))
        azimuths = middle + turn * np.linspace(-0.5, 0.5, frames)
        self.spins = [rotation(azimuth, elevation) for azimuth in azimuths]
        self.zoom, self.center, half = fit(
            mesh, self.spins[:: max(1, frames // 6)], BOX * rng.uniform(*FILL), BOX * LONGEST, self.PATCH
        )
        self.camera = _camera_path(frames, rng)
        self.path = _object_path(frames, half, rng)
        self.backdrop = Backdrop(photo, WIDTH, HEIGHT, 48, rng)


def film(scene: Scene, renderer: Renderer) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a clip, RGB uint8 [HEIGHT, WIDTH, 3]."""
    for spin, place, (right, down, zoom) in zip(scene.spins, scene.path, scene.camera, strict=True):
        frame = scene.backdrop.view(right, down, zoom)
        yield rounded(compose(frame, renderer, spin, scene.look, scene.zoom, scene.center, place))


def picture(
    mesh: Mesh, photo: NDArray[np.float32], renderer: Renderer, rng: np.random.Generator, *, sharp: bool = False
) -> NDArray[np.uint8]:
    """Draw an image that the object mostly fills, RGB uint8 [STILL, STILL, 3]. `sharp`: photograph in focus."""
    look = draw_look(rng)
    spin = rotation(np.deg2rad(rng.uniform(-50, 50)), np.deg2rad(rng.uniform(*ELEVATION)))
    zoom, center, _ = fit(mesh, [spin], STILL, STILL * rng.uniform(0.82, 0.96), Scene.PATCH)
    place = STILL / 2 + rng.uniform(-3, 3, size=2)
    backdrop = Backdrop(photo, STILL, STILL, 8, rng, sharp=sharp)
    return rounded(compose(backdrop.view(0, 0, 1), renderer, spin, look, zoom, center, place))


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], quality: int, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> None:
    """Write H.264 in MP4 with one key frame. The same frames give the same bytes."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        # With AVX-512 or several threads, the bytes of x264 differ from run to run.
        settings = "asm=sse4.2:threads=1:keyint=250:scenecut=0"
        stream.options = {"crf": str(quality), "preset": "slow", "x264-params": settings}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def draw_look(rng: np.random.Generator) -> Look:
    light = rng.uniform(-0.8, 0.8), rng.uniform(0.2, 1.0), rng.uniform(0.4, 1.0)
    hue = rng.normal(0, 0.6)  # mostly near the model's own colors
    red, green, blue = rng.uniform(0.65, 1.1, size=3)
    return Look(light, rng.uniform(0.4, 0.6), float(hue), (float(red), float(green), float(blue)))


def fit(
    mesh: Mesh, spins: list[NDArray[np.float32]], mean: float, longest: float, side: int
) -> tuple[float, tuple[float, float], NDArray[np.float64]]:
    """Return the zoom that draws the object `mean` pixels large, with its longer side at most `longest`.

    Also return the center of the object and half its size, over all spins. `side` is that of the renderer's square.
    """
    boxes = np.array([extent(mesh, spin) for spin in spins]) * side
    sides = boxes[:, 2:] - boxes[:, :2]
    zoom = min(mean / np.sqrt(sides.prod(axis=1)).max(), longest / sides.max())
    low, high = boxes[:, :2].min(axis=0) * zoom, boxes[:, 2:].max(axis=0) * zoom
    x, y = (low + high) / 2
    return float(zoom), (float(x), float(y)), (high - low) / 2


def _camera_path(frames: int, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Return a slow, shaky drift with a slight zoom: pixels right and down from the middle, and the zoom."""
    time = np.arange(frames) - (frames - 1) / 2
    drift = rng.uniform(-0.35, 0.35, size=2)
    sway, period, phase = rng.uniform(0.5, 2.0, size=2), rng.uniform(30, 70, size=2), rng.uniform(0, 6.3, size=2)
    paths = [drift[i] * time + sway[i] * np.sin(2 * np.pi * time / period[i] + phase[i]) for i in range(2)]
    zoom = 1.03 + rng.uniform(-0.02, 0.02) * time / (frames / 2)
    return [(float(x), float(y), float(z)) for x, y, z in zip(*paths, zoom, strict=True)]


def _object_path(frames: int, half: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the center of the object, [frames, 2]. It moves straight, and turns back at the border of the frame."""
    room = np.array([WIDTH, HEIGHT]) / 2 - half - 3
    speed = np.array([rng.uniform(1.5, 2.1) * rng.choice([-1, 1]), rng.uniform(-0.4, 0.4)])
    start = -np.sign(speed) * room * rng.uniform([0.4, 0.0], [0.8, 0.8])
    position = start + speed * np.arange(frames)[:, None]
    folded = np.abs((position + room) % (4 * room) - 2 * room) - room  # a triangle wave between the borders
    return np.asarray(np.array([WIDTH, HEIGHT]) / 2 - folded, np.float64)


def compose(
    frame: NDArray[np.float32],
    renderer: Renderer,
    spin: NDArray[np.float32],
    look: Look,
    zoom: float,
    center: tuple[float, float],
    place: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Draw the object into `frame` with its center at `place` (x, y in pixels), maybe outside; return `frame`."""
    corner = np.floor(place - renderer.side / 2).astype(int)
    rest = place - renderer.side / 2 - corner
    shift = float(rest[0] - center[0]), float(rest[1] + center[1])
    patch = renderer.draw(spin, look, zoom=zoom, shift=shift)
    top, left = max(corner[1], 0), max(corner[0], 0)
    bottom, right = np.maximum(np.minimum(corner[::-1] + renderer.side, frame.shape[:2]), (top, left))
    patch = patch[top - corner[1] : bottom - corner[1], left - corner[0] : right - corner[0]]
    under = frame[top:bottom, left:right]
    frame[top:bottom, left:right] = patch[..., :3] + (1 - patch[..., 3:]) * under
    return frame


def rounded(frame: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(frame * 255), np.uint8)
