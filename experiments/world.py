"""Two worlds from the samples' generator that share no look-alike group: one to choose settings on, one to report.

The second has clips of some objects, and images of others, before photographs that no clip shows, once defocused, once
sharp.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np

SAMPLES = Path(__file__).parents[2] / "samples"
# The generator is a script, not a package: its modules find one another by their folder.
sys.path.insert(0, str(SAMPLES))

Part = Literal["choose", "report"]
CHOOSE, HELD_OUT = 0.25, 0.3
"""Of a class's look-alike groups: the share to choose settings on; of the rest, the share that is never filmed."""
ALIKE = 3
"""Objects of a look-alike group, at most: there are thirteen sizes of one window."""
TRACKS = 2
"""Clips of an object that is held out."""
SHARE = Path("/usr/share")
"""Where Debian's packages keep their data."""


@dataclass(frozen=True)
class WorldSettings:
    """What a world is made with; `clips` an object that is filmed, `views` an object that is held out."""

    part: Part
    seed: int
    clips: int = 12
    views: int = 8
    frames: int = 45
    quality: int = 28


@dataclass(frozen=True)
class World:
    """Where a world lies."""

    root: Path

    @property
    def videos(self) -> Path:
        return self.root / "videos"

    @property
    def labels(self) -> Path:
        return self.root / "labels.csv"

    def held_out(self, background: str) -> Path:
        """The images of objects that were never filmed; `background` is defocused or sharp."""
        return self.root / f"heldout-{background}"


BACKGROUNDS = ("defocused", "sharp")


def make_world(root: Path, settings: WorldSettings, workers: int) -> World:
    """Draw it, an object a task. Clips that were there when it was stopped are not drawn again."""
    import attribution
    import generate

    world = World(root)
    options = _options(root, settings)
    filmed, held_out = divide(settings)
    _draw(world, options, filmed, workers)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(_photograph, [options] * len(BACKGROUNDS), [held_out] * len(BACKGROUNDS), BACKGROUNDS))
    generate.write_labels(options, filmed)
    attribution.write_attribution(root / "ATTRIBUTION.md", filmed, held_out)
    return world


def make_tracks(root: Path, settings: WorldSettings, workers: int) -> World:
    """Two clips of each object that is held out: its views under motion."""
    import generate

    world = World(root)
    settings = replace(settings, clips=TRACKS)
    options = _options(root, settings)
    _, held_out = divide(settings)
    _draw(world, options, held_out, workers)
    generate.write_labels(options, held_out)
    return world


def _draw(world: World, options: argparse.Namespace, instances: Sequence[Any], workers: int) -> None:
    world.videos.mkdir(parents=True, exist_ok=True)
    missing = [one for one in instances if not all(path.exists() for path in _clips(world, one, options.clips))]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done, name in enumerate(pool.map(_film, [options] * len(missing), missing), 1):
            print(f"\r{done}/{len(missing)} {name:<20}", end="", flush=True)
    print()


def groups() -> dict[str, str]:
    """The look-alike group of every object."""
    return {one.id: one.lookalike for one in instances()}


def instances() -> list[Any]:
    """The 249 objects of the samples, and 97 more, of their classes and of others."""
    import models

    return models.read_instances(SHARE) + models.read_instances(SHARE, Path(__file__).with_name("models.csv"))


def divide(settings: WorldSettings) -> tuple[list[Any], list[Any]]:
    """The objects that are filmed, and those held out, of one part."""
    return divided(instances(), settings)


def divided(objects: Sequence[Any], settings: WorldSettings) -> tuple[list[Any], list[Any]]:
    """The same of these objects. A look-alike group is filmed to choose on, or filmed to report, or held out.

    Nothing is held out of the part to choose on: only edges are looked at there, which join what was filmed.
    """
    import generate

    objects = _some_of_each_group(objects)
    chosen = _chosen_groups(objects, settings.seed)
    if settings.part == "choose":
        return [one for one in objects if one.lookalike in chosen], []
    filmed, held_out = generate.sides([one for one in objects if one.lookalike not in chosen], settings.seed, HELD_OUT)
    return list(chain.from_iterable(filmed)), list(chain.from_iterable(held_out))


def _some_of_each_group(objects: Sequence[Any]) -> list[Any]:
    counts: Counter[str] = Counter()
    kept = []
    for one in objects:
        counts[one.lookalike] += 1
        if counts[one.lookalike] <= ALIKE:
            kept.append(one)
    return kept


def _chosen_groups(instances: Sequence[Any], seed: int) -> set[str]:
    groups: dict[str, list[str]] = {}
    for one in instances:
        if one.lookalike not in groups.setdefault(one.kind, []):
            groups[one.kind].append(one.lookalike)
    random = np.random.default_rng(seed)
    return {
        group for names in groups.values() for group in random.permutation(names)[: round(CHOOSE * len(names))].tolist()
    }


def _options(root: Path, settings: WorldSettings) -> argparse.Namespace:
    return argparse.Namespace(
        out=root,
        clips=settings.clips,
        views=settings.views,
        frames=settings.frames,
        quality=settings.quality,
        seed=settings.seed,
        share=SHARE,
    )


def _clips(world: World, instance: Any, clips: int) -> list[Path]:
    return [world.videos / f"{instance.id}-{clip}.mp4" for clip in range(1, clips + 1)]


def _film(options: argparse.Namespace, instance: Any) -> str:
    """One object's clips, moved to the others when all are there. Runs in a process of its own."""
    import generate

    making = options.out / "making" / instance.id
    making.mkdir(parents=True, exist_ok=True)
    list(generate.film_instances(options, [instance], making))
    for path in sorted(making.iterdir()):
        path.replace(options.out / "videos" / path.name)
    making.rmdir()
    return str(instance.id)


def _photograph(options: argparse.Namespace, held_out: list[Any], background: str) -> None:
    import generate

    generate.make_images(options, held_out, f"heldout-{background}", sharp=background == "sharp")
