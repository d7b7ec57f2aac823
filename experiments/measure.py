"""Measure the features of a trunk (its last map, pool5, Sec. 6.1) on objects that were never filmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.images import read_square
from trainer.evaluation.features import trunk_features
from trainer.evaluation.knn import PRECISION_AT, nearest
from trainer.evaluation.labeled_folder import LabeledImages, read_labeled
from trainer.models.trunk import Trunk
from trainer.settings import INSTANCE_PATTERN

# N = images, T = tracks, D = features, K = neighbors

NUM_PAIRS = 20_000
"""Pairs of tracks whose distance is measured."""


@dataclass(frozen=True)
class HeldOut:
    """Labeled images with their pixels.

    `images.instances_N` holds look-alike groups: the neighbors of an image are searched among other groups only.
    """

    images: LabeledImages
    pixels: NDArray[np.uint8]

    @classmethod
    def read(cls, folder: Path, groups: Mapping[str, str], side: int) -> HeldOut:
        """Read a folder of images. `groups` maps each instance to its look-alike group."""
        images = read_labeled(folder, INSTANCE_PATTERN)
        group_names = [groups[path.stem.split("_")[0]] for path in images.paths]
        numbers = {name: number for number, name in enumerate(sorted(set(group_names)))}
        images = replace(images, instances_N=np.array([numbers[name] for name in group_names]))
        return cls(images, np.stack([read_square(path, side) for path in images.paths]))

    @property
    def attainable(self) -> float:
        """The mean P@10 of perfect features: below 1 if a class has fewer than ten images in other groups."""
        labels_N, groups_N = self.images.labels_N, self.images.instances_N
        correct_NN = (labels_N[:, None] == labels_N) & (groups_N[:, None] != groups_N)
        return float(np.minimum(correct_NN.sum(axis=1), PRECISION_AT).mean() / PRECISION_AT)


@dataclass(frozen=True)
class Neighbors:
    """For each image: the share of its ten nearest neighbors that have its class, and whether the nearest one has."""

    precision_N: NDArray[np.float64]
    top1_N: NDArray[np.float64]


def neighbors(trunk: Trunk, held_out: HeldOut) -> Neighbors:
    """Find the nearest neighbors by cosine similarity among the images of other look-alike groups."""
    features_ND = trunk_features(trunk, held_out.pixels)
    labels_N = held_out.images.labels_N
    _, nearest_NK = nearest(features_ND, held_out.images.instances_N, PRECISION_AT)
    agrees_NK = (labels_N[nearest_NK] == labels_N[:, None]).astype(np.float64)
    return Neighbors(agrees_NK.mean(axis=1), agrees_NK[:, 0])


@dataclass(frozen=True)
class Invariance:
    """Mean cosine distances of pool5 features, on tracks of objects that were never filmed for training."""

    views: float
    """D(A, A'): the start and the end of one track."""
    instances: float
    """D(A, B'): the start of a track and the end of another, of the same class but another look-alike group."""
    classes: float
    """D(A, C'): the start of a track and the end of a track of another class."""


def invariance(trunk: Trunk, tracks: HeldOut) -> Invariance:
    """Measure the invariance of a trunk. `tracks` alternates the start and the end of each track."""
    return distances(trunk_features(trunk, tracks.pixels), tracks.images)


def distances(features_ND: NDArray[np.float32], images: LabeledImages, seed: int = 0) -> Invariance:
    """Measure the invariance of features of such images; the seed draws the pairs of tracks."""
    unit_ND = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    starts_TD, ends_TD = unit_ND[0::2], unit_ND[1::2]
    labels_T, groups_T = images.labels_N[0::2], images.instances_N[0::2]
    a, b = np.random.default_rng(seed).integers(0, len(starts_TD), (2, NUM_PAIRS))
    same_class = (labels_T[a] == labels_T[b]) & (groups_T[a] != groups_T[b])
    other_class = labels_T[a] != labels_T[b]
    return Invariance(
        views=_distance(starts_TD, ends_TD),
        instances=_distance(starts_TD[a[same_class]], ends_TD[b[same_class]]),
        classes=_distance(starts_TD[a[other_class]], ends_TD[b[other_class]]),
    )


def _distance(a_ND: NDArray[np.float32], b_ND: NDArray[np.float32]) -> float:
    return float(1 - (a_ND * b_ND).sum(axis=1).mean())
