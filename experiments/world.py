"""Draw two worlds with the samples' generator: one to choose settings on, one to report on.

They share no look-alike group. The second has clips of some objects and images of the others. The images have
background photographs that no clip shows, once defocused and once sharp.
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

SAMPLES = Path(__file__).parents[1] / "samples"
# The generator is a script, not a package: its modules import one another from their folder.
sys.path.insert(0, str(SAMPLES))

Part = Literal["choose", "report"]
CHOOSE_SHARE = 0.25
"""Share of the look-alike groups of a class to choose settings on."""
HELD_OUT_SHARE = 0.3
"""Share of the other groups of a class that is never filmed."""
MAX_GROUP_SIZE = 3
"""Maximum number of objects of one look-alike group. One window comes in thirteen sizes."""
HELD_OUT_CLIPS = 2
"""Clips of each held-out object."""
SHARE = Path("/usr/share")
"""Folder where Debian packages keep their data."""


@dataclass(frozen=True)
class WorldSettings:
    """How a world is drawn: `clips` of each filmed object, `views` of each held-out object."""

    part: Part
    seed: int
    clips: int = 12
    views: int = 8
    frames: int = 45
    quality: int = 28


@dataclass(frozen=True)
class World:
    """The folder of a world, and the files in it."""

    root: Path

    @property
    def videos(self) -> Path:
        return self.root / "videos"

    @property
    def labels(self) -> Path:
        return self.root / "labels.csv"

    def held_out(self, background: str) -> Path:
        """Return the folder of images of objects that were never filmed; `background` is defocused or sharp."""
        return self.root / f"heldout-{background}"


BACKGROUNDS = ("defocused", "sharp")


def make_world(root: Path, settings: WorldSettings, workers: int) -> World:
    """Draw a world with one task for each object. Clips that exist already are not drawn again."""
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
    """Draw two clips of each held-out object."""
    import generate

    world = World(root)
    settings = replace(settings, clips=HELD_OUT_CLIPS)
    options = _options(root, settings)
    _, held_out = divide(settings)
    _draw(world, options, held_out, workers)
    generate.write_labels(options, held_out)
    return world


def _draw(world: World, options: argparse.Namespace, instances: Sequence[Any], workers: int) -> None:
    world.videos.mkdir(parents=True, exist_ok=True)
    missing = [one for one in instances if not all(path.exists() for path in _clips(world, one, options.clips))]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for count, name in enumerate(pool.map(_film, [options] * len(missing), missing), 1):
            print(f"\r{count}/{len(missing)} {name:<20}", end="", flush=True)
    print()


def groups() -> dict[str, str]:
    """Return the look-alike group of each object."""
    return {one.id: one.lookalike for one in instances()}


def instances() -> list[Any]:
    """Return the 249 objects of the samples, and 97 more of the same and other classes."""
    import models

    return models.read_instances(SHARE) + models.read_instances(SHARE, Path(__file__).with_name("models.csv"))


def divide(settings: WorldSettings) -> tuple[list[Any], list[Any]]:
    """Return the filmed objects and the held-out objects of one part."""
    return divide_objects(instances(), settings)


def divide_objects(objects: Sequence[Any], settings: WorldSettings) -> tuple[list[Any], list[Any]]:
    """Return the filmed and the held-out ones of these objects.

    A look-alike group is filmed for choosing settings, filmed for the report, or held out. The part for choosing holds
    nothing out: only its edges are examined, and edges join filmed objects.
    """
    import generate

    objects = _limit_group_size(objects)
    chosen = _chosen_groups(objects, settings.seed)
    if settings.part == "choose":
        return [one for one in objects if one.lookalike in chosen], []
    filmed, held_out = generate.divide(
        [one for one in objects if one.lookalike not in chosen], settings.seed, HELD_OUT_SHARE
    )
    return list(chain.from_iterable(filmed)), list(chain.from_iterable(held_out))


def _limit_group_size(objects: Sequence[Any]) -> list[Any]:
    counts: Counter[str] = Counter()
    kept = []
    for one in objects:
        counts[one.lookalike] += 1
        if counts[one.lookalike] <= MAX_GROUP_SIZE:
            kept.append(one)
    return kept


def _chosen_groups(instances: Sequence[Any], seed: int) -> set[str]:
    groups: dict[str, list[str]] = {}
    for one in instances:
        if one.lookalike not in groups.setdefault(one.kind, []):
            groups[one.kind].append(one.lookalike)
    random = np.random.default_rng(seed)
    return {
        group
        for names in groups.values()
        for group in random.permutation(names)[: round(CHOOSE_SHARE * len(names))].tolist()
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
    """Draw the clips of one object, then move them to the other clips. Runs in its own process."""
    import generate

    unfinished = options.out / "making" / instance.id
    unfinished.mkdir(parents=True, exist_ok=True)
    list(generate.film_instances(options, [instance], unfinished))
    for path in sorted(unfinished.iterdir()):
        path.replace(options.out / "videos" / path.name)
    unfinished.rmdir()
    return str(instance.id)


def _photograph(options: argparse.Namespace, held_out: list[Any], background: str) -> None:
    import generate

    generate.make_images(options, held_out, f"heldout-{background}", sharp=background == "sharp")
