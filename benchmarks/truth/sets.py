"""Which clips are made: every value of every condition equally often, in mixes drawn from the seed."""

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
BASES = {"tuning": 0, "test": 1_000_000}


def with_objects(split: Split, count: int) -> list[Scene]:
    """`count` clips with one or two objects; fewer clips are the first of more."""
    return [Scene(_mixed(BASES[split] + seed), BASES[split] + seed, split) for seed in range(count)]


def without(split: Split, count: int) -> list[Scene]:
    """`count` longer clips in which nothing moves but the camera."""
    conditions = (_mixed(BASES[split] + 500_000 + seed) for seed in range(count))
    return [
        Scene(Condition(each.camera, 0, 0, each.noise, each.crf, 0, EMPTY_FRAMES), BASES[split] + 500_000 + seed, split)
        for seed, each in enumerate(conditions)
    ]


def _mixed(seed: int) -> Condition:
    """Seeds that follow each other take the values of each condition in turn, each condition in its own order."""
    return Condition(
        camera=_of(CAMERAS, seed, 0),
        speed=_of(SPEEDS, seed, 1),
        size=_of(SIZES, seed, 2),
        noise=_of(NOISES, seed, 3),
        crf=_of(CRFS, seed, 4),
        objects=_of(OBJECTS, seed, 5),
    )


def _of(values: Sequence[T], seed: int, which: int) -> T:
    turn, place = divmod(seed, len(values))
    return values[int(np.random.default_rng((turn, which)).permutation(len(values))[place])]
