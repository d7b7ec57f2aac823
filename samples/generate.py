"""Make a small labeled world: clips of furniture that moves and turns, and held-out images of other furniture.

It needs these packages, which are no dependencies of the project:
* Debian: libegl1 libegl-mesa0 libgl1-mesa-dri (to draw without a GPU or display), sweethome3d-furniture 1.8 (the
  models), lomiri-wallpapers-16.04, palapeli-data and libjxl-testdata (background photographs of the clips);
* Python: moderngl 5.13, scikit-learn 1.9 (two background photographs of the held-out images), and from the
  `ingest` extra of the project: av, opencv-contrib-python-headless, scikit-image, scipy.

    python samples/generate.py --out world                          # the world of this folder
    python samples/generate.py --out large --clips 12 --frames 90 --seed 7

The same seed gives the same world on the same machine.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator
from itertools import chain, islice, repeat, zip_longest
from pathlib import Path

import cv2
import numpy as np
from attribution import write_attribution
from backgrounds import CLIP_PHOTOS, HELD_OUT_PHOTOS, read_photo
from clips import Scene, film, picture, write_video
from models import Instance, load_mesh, read_instances
from parade import make_parade
from render import Renderer

HELD_OUT_SHARE = 0.25  # of the look-alike groups of a class, but at least two groups


def main() -> None:
    options = parse_options()
    instances = read_instances(options.share)
    training, held_out = split(instances, options.instances, options.held_out, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    make_clips(options, training)
    make_parade(options, training)
    make_images(options, held_out)
    write_attribution(options.out / "ATTRIBUTION.md", training, held_out)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the world")
    parser.add_argument("--instances", type=int, default=168, help="number of filmed objects (default %(default)s)")
    parser.add_argument("--held-out", type=int, default=48, help="number of held-out objects (default %(default)s)")
    parser.add_argument("--clips", type=int, default=3, help="clips of each object (default %(default)s)")
    parser.add_argument("--views", type=int, default=5, help="images of each held-out object (default %(default)s)")
    parser.add_argument("--frames", type=int, default=60, help="frames of each clip (default %(default)s)")
    parser.add_argument("--quality", type=int, default=28, help="CRF of x264; lower is better (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=Path, default=Path("/usr/share"), help="where Debian packages keep their data")
    return parser.parse_args()


def split(instances: list[Instance], training: int, held_out: int, seed: int) -> tuple[list[Instance], list[Instance]]:
    """Return training and held-out instances, classes as even as possible. No look-alike group is in both."""
    filmed, kept_out = divide(instances, seed, HELD_OUT_SHARE)
    return _evenly(filmed, training), _evenly(kept_out, held_out)


def divide(instances: list[Instance], seed: int, share: float) -> tuple[list[list[Instance]], list[list[Instance]]]:
    """Return the instances to film and those to hold out, one list for each class.

    `share` of the look-alike groups of a class is held out, but at least two groups.
    """
    kinds: dict[str, dict[str, list[Instance]]] = {}
    for instance in instances:
        kinds.setdefault(instance.kind, {}).setdefault(instance.lookalike, []).append(instance)
    dealt: tuple[list[list[Instance]], list[list[Instance]]] = [], []
    for kind, groups in kinds.items():
        order = np.random.default_rng([seed, _hash(kind)]).permutation(len(groups))
        shuffled = [list(groups.values())[place] for place in order]
        kept_out = max(2, round(share * len(groups)))
        for side, part in zip(dealt, (shuffled[kept_out:], shuffled[:kept_out]), strict=True):
            side.append(_one_of_each_first(part))
    return dealt


def _one_of_each_first(groups: list[list[Instance]]) -> list[Instance]:
    """Return the first of each group, then the second of each group that has one, and so on."""
    rounds = zip_longest(*groups)
    return [instance for one_round in rounds for instance in one_round if instance is not None]


def _evenly(kinds: list[list[Instance]], count: int) -> list[Instance]:
    dealt = [instance for deal in zip_longest(*kinds) for instance in deal if instance is not None]
    if len(dealt) < count:
        raise SystemExit(f"{count} instances are required, but this side of the split has only {len(dealt)}.")
    return sorted(dealt[:count], key=lambda instance: instance.id)


def make_clips(options: argparse.Namespace, training: list[Instance]) -> None:
    """Write `videos/<instance>-<clip>.mp4` and `labels.csv`."""
    folder = options.out / "videos"
    folder.mkdir(exist_ok=True)
    for count, instance in enumerate(film_instances(options, training, folder), 1):
        print(f"{count}/{len(training)} {instance.id} {instance.model.name}", flush=True)
    write_labels(options, training)


def film_instances(options: argparse.Namespace, instances: list[Instance], folder: Path) -> Iterator[Instance]:
    """Write `<instance>-<clip>.mp4` for one instance after another; yield each one when its clips are written."""
    photos = [read_photo(options.share, photo) for photo in CLIP_PHOTOS]
    renderer = Renderer(Scene.PATCH)
    for instance in instances:
        renderer.load(mesh := load_mesh(options.share, instance.model))
        for clip, photo in enumerate(_photo_order(instance, len(photos), options.clips, options.seed)):
            rng = np.random.default_rng([options.seed, _hash(instance.id), clip])
            scene = Scene(mesh, photos[photo], options.frames, rng)
            write_video(folder / f"{instance.id}-{clip + 1}.mp4", film(scene, renderer), options.quality)
        yield instance


def write_labels(options: argparse.Namespace, instances: list[Instance]) -> None:
    """Write `labels.csv`: the class, instance and look-alike group of each clip."""
    with (options.out / "labels.csv").open("w", newline="") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["video", "class", "instance", "lookalike"])
        for instance in instances:
            for clip in range(options.clips):
                rows.writerow([f"{instance.id}-{clip + 1}.mp4", instance.kind, instance.id, instance.lookalike])


def make_images(
    options: argparse.Namespace, held_out: list[Instance], name: str = "heldout", *, sharp: bool = False
) -> None:
    """Write `<name>/<class>/<instance>_<view>.jpg`, in front of defocused or sharp photographs."""
    photos = [read_photo(options.share, photo) for photo in HELD_OUT_PHOTOS]
    renderer = Renderer(Scene.PATCH)
    for instance in held_out:
        folder = options.out / name / instance.kind
        folder.mkdir(parents=True, exist_ok=True)
        renderer.load(mesh := load_mesh(options.share, instance.model))
        for view, photo in enumerate(_photo_order(instance, len(photos), options.views, options.seed)):
            rng = np.random.default_rng([options.seed, _hash(instance.id), view])
            image = picture(mesh, photos[photo], renderer, rng, sharp=sharp)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
            cv2.imwrite(str(folder / f"{instance.id}_{view + 1}.jpg"), image[..., ::-1], quality)


def _photo_order(instance: Instance, photos: int, count: int, seed: int) -> Iterator[int]:
    """Return the numbers of `count` photographs. None is repeated before all others were used."""
    rng = np.random.default_rng([seed, _hash(instance.id)])
    rounds = (rng.permutation(photos).tolist() for _ in repeat(None))
    return islice(chain.from_iterable(rounds), count)


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


if __name__ == "__main__":
    main()
