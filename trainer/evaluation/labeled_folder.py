"""A folder of labelled images: a folder a class, an instance by a name pattern."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.image_folder import SUFFIXES
from trainer.errors import BenchmarkError

# N = images


@dataclass(frozen=True)
class LabelledImages:
    """N images in the order of their paths."""

    paths: Sequence[Path]
    classes: Sequence[str]
    """Names of the classes, sorted; labels index them."""
    labels_N: NDArray[np.int64]
    instances_N: NDArray[np.int64]
    """Numbers of the instances; no two classes share one."""

    @property
    def num_instances(self) -> int:
        return int(self.instances_N.max()) + 1


def read_labelled(folder: Path, instance_pattern: str) -> LabelledImages:
    """The images of a folder with a sub-folder for each class.

    The first group that `instance_pattern` finds in a file's stem is its instance; a stem that does not match is an
    instance of its own. Raises BenchmarkError where nearest neighbors would mean nothing.
    """
    pattern = _compile(instance_pattern)
    if not folder.is_dir():
        raise BenchmarkError(f"{folder} is no folder. Name one that holds a folder of images for each class.")
    named = [(path, path.parent.name, _instance(path, pattern)) for path in _find_images(folder)]
    classes = sorted({label for _, label, _ in named})
    if len(classes) < 2:
        raise BenchmarkError(
            f"{folder} holds images of {len(classes)} classes; at least two are needed. "
            f"Images ({', '.join(SUFFIXES)}) lie in one folder a class, <class>/<instance>_<view>.jpg."
        )
    instances = sorted({(label, instance) for _, label, instance in named})
    _check_instances(instances, instance_pattern)
    numbers = {instance: number for number, instance in enumerate(instances)}
    return LabelledImages(
        paths=[path for path, _, _ in named],
        classes=classes,
        labels_N=np.array([classes.index(label) for _, label, _ in named]),
        instances_N=np.array([numbers[label, instance] for _, label, instance in named]),
    )


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise BenchmarkError(f"The instance pattern {pattern!r} is no regular expression: {error}.") from error
    if compiled.groups < 1:
        raise BenchmarkError(f"The instance pattern {pattern!r} has no group (…): its first group names the instance.")
    return compiled


def _find_images(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield path


def _instance(path: Path, pattern: re.Pattern[str]) -> str:
    found = pattern.search(path.stem)
    return found.group(1) if found else path.stem


def _check_instances(instances: Sequence[tuple[str, str]], pattern: str) -> None:
    """A class of one instance cannot be right: its images have nobody of their class to be near to."""
    counts = Counter(label for label, _ in instances)
    alone = sorted(label for label, count in counts.items() if count < 2)
    if alone:
        raise BenchmarkError(
            f"Of these classes there is only one instance: {', '.join(alone)}. An image never counts its own instance "
            f"as a neighbor, so each class needs two. Is {pattern!r} (--instance-pattern) how the files name instances?"
        )
