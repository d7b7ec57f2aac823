"""A folder of labeled images: one folder for each class; a pattern finds the instance in a file's name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.image_folder import SUFFIXES
from trainer.errors import DataError

# N = images


@dataclass(frozen=True)
class LabeledImages:
    """N images in the order of their paths."""

    paths: Sequence[Path]
    classes: Sequence[str]
    """Names of the classes, sorted. Labels index them."""
    labels_N: NDArray[np.int64]
    instances_N: NDArray[np.int64]
    """Numbers of the instances. No two classes share one."""

    @property
    def num_instances(self) -> int:
        return int(self.instances_N.max()) + 1


def read_labeled(folder: Path, instance_pattern: str) -> LabeledImages:
    """List the images of a folder with a subfolder for each class.

    The instance of an image is the first group that `instance_pattern` finds in the stem of its file, or else the
    whole stem. Raises DataError if nearest neighbors would be meaningless.
    """
    pattern = _compile(instance_pattern)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Name a folder that holds one folder of images for each class.")
    named = [(path, path.parent.name, _instance(path, pattern)) for path in _find_images(folder)]
    classes = sorted({label for _, label, _ in named})
    if len(classes) < 2:
        raise DataError(
            f"{folder} holds images of {len(classes)} classes; at least two are needed. "
            f"Put the images ({', '.join(SUFFIXES)}) of each class in a folder: <class>/<instance>_<view>.jpg."
        )
    instances = sorted({(label, instance) for _, label, instance in named})
    _check_instances(instances, instance_pattern)
    numbers = {instance: number for number, instance in enumerate(instances)}
    return LabeledImages(
        paths=[path for path, _, _ in named],
        classes=classes,
        labels_N=np.array([classes.index(label) for _, label, _ in named]),
        instances_N=np.array([numbers[label, instance] for _, label, instance in named]),
    )


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"The instance pattern {pattern!r} is no regular expression: {error}.") from error
    if compiled.groups < 1:
        raise DataError(f"The instance pattern {pattern!r} has no group (…). Its first group names the instance.")
    return compiled


def _find_images(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield path


def _instance(path: Path, pattern: re.Pattern[str]) -> str:
    found = pattern.search(path.stem)
    return found.group(1) if found else path.stem


def _check_instances(instances: Sequence[tuple[str, str]], pattern: str) -> None:
    """Raise DataError for a class with one instance: its images have no neighbor of their class to find."""
    counts = Counter(label for label, _ in instances)
    single = sorted(label for label, count in counts.items() if count < 2)
    if single:
        raise DataError(
            f"These classes have only one instance: {', '.join(single)}. Images of one instance never count as each "
            f"other's neighbors, so each class needs two. Check the instance pattern (--instance-pattern {pattern!r})."
        )
