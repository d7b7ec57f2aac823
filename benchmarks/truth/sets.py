"""The conditions of the clips: each value is equally frequent, in combinations drawn from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from benchmarks.truth.photos import Split
from benchmarks.truth.scenes import CAMERAS, Condition, Scene

T = TypeVar("T")

SPEEDS = (1.5, 3.0, 5.0, 8.0)
SIZES = (60, 100, 150, 200)
NOISES = (0, 4, 8)
CRFS = (18, 26, 32)
OBJECTS = (1, 1, 1, 2)
EMPTY_FRAMES = 150
"""Length of a clip without objects."""
FIRST_SEEDS = {"tuning": 0, "test": 1_000_000}


def with_objects(split: Split, count: int) -> list[Scene]:
    """Return `count` clips with one or two objects; a smaller count gives the first of these clips."""
    return [Scene(_condition(FIRST_SEEDS[split] + seed), FIRST_SEEDS[split] + seed, split) for seed in range(count)]


def without_objects(split: Split, count: int) -> list[Scene]:
    """Return `count` longer clips in which only the camera moves."""
    first = FIRST_SEEDS[split] + 500_000
    scenes = []
    for seed in range(first, first + count):
        mixed = _condition(seed)
        condition = Condition(mixed.camera, 0, 0, mixed.noise, mixed.crf, 0, EMPTY_FRAMES)
        scenes.append(Scene(condition, seed, split))
    return scenes


def _condition(seed: int) -> Condition:
    """Return the condition of a seed. Consecutive seeds take the values of each field in turn, in a random order."""
    return Condition(
        camera=_value(CAMERAS, seed, 0),
        speed=_value(SPEEDS, seed, 1),
        size=_value(SIZES, seed, 2),
        noise=_value(NOISES, seed, 3),
        crf=_value(CRFS, seed, 4),
        objects=_value(OBJECTS, seed, 5),
    )


def _value(values: Sequence[T], seed: int, field: int) -> T:
    turn, position = divmod(seed, len(values))
    return values[int(np.random.default_rng((turn, field)).permutation(len(values))[position])]
