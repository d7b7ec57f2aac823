"""Paths of several things at a time: they cross, meet, stop, enter and leave. Positions start at the frame's center."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Point = NDArray[np.float64]
Path = NDArray[np.float64]
"""Frames×2: the position (x, y) in each frame."""
Role = Literal["cross", "meet", "stop", "enter", "leave", "wander"]
PAIRS: tuple[Role, ...] = ("cross", "meet")
SINGLES: tuple[Role, ...] = ("stop", "enter", "leave", "wander")
REST = 30
"""Frames that a thing stands still where it stops or meets another one."""
EDGE = 0.85
"""Where a thing turns round, as a share of the way from the center to the border."""


@dataclass(frozen=True)
class Space:
    """What the paths of one clip have in common."""

    width: int
    height: int
    frames: int

    def room(self, size: float) -> Point:
        """Return how far the center of a thing may be from the frame's center, in x and y, with the thing inside."""
        return np.maximum(np.array([self.width, self.height]) / 2 - size / 2, 0.0) * EDGE

    def outside(self, size: float) -> float:
        """Return a distance in x from the center at which nothing of the thing is visible."""
        return self.width / 2 + size


def roles(count: int, rng: np.random.Generator) -> list[Role]:
    """Return a role for each thing; the roles of pairs stand twice, one after the other."""
    chosen: list[Role] = []
    while len(chosen) < count:
        pair = len(chosen) + 2 <= count and rng.random() < 0.5
        role: Role = rng.choice(np.array(PAIRS if pair else SINGLES)).item()
        chosen += [role, role] if pair else [role]
    return chosen


def paths(
    cast: Sequence[Role], sizes: Sequence[float], speeds: Sequence[float], space: Space, rng: np.random.Generator
) -> list[Path]:
    """Return the path of each thing. Speeds are in pixels a frame."""
    found: list[Path] = []
    while len(found) < len(cast):
        at = len(found)
        if cast[at] in PAIRS:
            found += _pair(cast[at], sizes[at : at + 2], speeds[at], space, rng)
        else:
            found.append(_alone(cast[at], sizes[at], speeds[at], space, rng))
    return found


def _pair(role: Role, sizes: Sequence[float], speed: float, space: Space, rng: np.random.Generator) -> list[Path]:
    """Return the paths of two things that come from both sides, and pass or stop beside each other in mid-clip."""
    row = rng.uniform(-1, 1) * space.room(max(sizes))[1]
    far = [min(space.room(size)[0], speed * space.frames / 2) for size in sizes]
    gap = sum(sizes) / 4 if role == "meet" else -min(far)
    found = []
    for side, size, distance in zip((-1, 1), sizes, far, strict=True):
        lane = row + rng.uniform(-0.15, 0.15) * size
        start, middle = np.array([side * distance, lane]), np.array([side * gap, lane])
        walk = _walk(start, [middle], speed)
        wait = [walk[-1]] * REST if role == "meet" else []
        back = _walk(walk[-1], [start], speed)
        found.append(_fitted([*walk, *wait, *back], size, speed, space, rng))
    return found


def _alone(role: Role, size: float, speed: float, space: Space, rng: np.random.Generator) -> Path:
    points = [_anywhere(size, space, rng) for _ in range(2)]
    outside = np.array([rng.choice([-1, 1]) * space.outside(size), points[0][1]])
    if role == "enter":
        return _fitted(_walk(outside, points[:1], speed), size, speed, space, rng)
    if role == "leave":
        way = _walk(points[1], [points[0], outside], speed)
        return np.array((way + [way[-1]] * space.frames)[: space.frames])
    way = _walk(points[0], [points[1]], speed)
    return _fitted([*way, *([way[-1]] * REST if role == "stop" else [])], size, speed, space, rng)


def _fitted(way: list[Point], size: float, speed: float, space: Space, rng: np.random.Generator) -> Path:
    """Cut a way off at the clip's last frame, or let the thing wander on until then."""
    while len(way) < space.frames:
        way = way + _walk(way[-1], [_anywhere(size, space, rng)], speed)
    return np.array(way[: space.frames])


def _walk(start: Point, stops: Sequence[Point], speed: float) -> list[Point]:
    """Return the positions, frame by frame, on straight lines from stop to stop."""
    way = [start]
    for stop in stops:
        steps = max(1, round(float(np.hypot(*(stop - way[-1]))) / speed))
        way += list(way[-1] + (stop - way[-1]) * np.linspace(0, 1, steps + 1)[1:, None])
    return way


def _anywhere(size: float, space: Space, rng: np.random.Generator) -> Point:
    return np.asarray(rng.uniform(-1, 1, 2) * space.room(size), np.float64)
