"""What a trunk's last map (pool5, Sec. 6.1) is worth on objects that were never filmed."""

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

PAIRS = 20_000
"""Pairs of tracks whose distance is looked at."""


@dataclass(frozen=True)
class HeldOut:
    """Images with their pixels; `instances_N` of `images` are look-alike groups, which never vote for themselves."""

    images: LabeledImages
    pixels: NDArray[np.uint8]

    @classmethod
    def read(cls, folder: Path, groups: Mapping[str, str], side: int) -> HeldOut:
        """`groups`: the look-alike group of every instance."""
        images = read_labeled(folder, INSTANCE_PATTERN)
        named = [groups[path.stem.split("_")[0]] for path in images.paths]
        numbers = {name: number for number, name in enumerate(sorted(set(named)))}
        images = replace(images, instances_N=np.array([numbers[name] for name in named]))
        return cls(images, np.stack([read_square(path, side) for path in images.paths]))

    @property
    def attainable(self) -> float:
        """Mean P@10 of features without a fault: of some classes, fewer than ten images of other groups are there."""
        labels_N, groups_N = self.images.labels_N, self.images.instances_N
        right_NN = (labels_N[:, None] == labels_N) & (groups_N[:, None] != groups_N)
        return float(np.minimum(right_NN.sum(axis=1), PRECISION_AT).mean() / PRECISION_AT)


@dataclass(frozen=True)
class Neighbors:
    """Of every image: the share of its ten nearest that have its class, and whether the nearest has."""

    precision_N: NDArray[np.float64]
    top1_N: NDArray[np.float64]


def neighbors(trunk: Trunk, held_out: HeldOut) -> Neighbors:
    """Nearest neighbors by cosine among the images of other look-alike groups."""
    features_ND = trunk_features(trunk, held_out.pixels)
    labels_N = held_out.images.labels_N
    _, near_NK = nearest(features_ND, held_out.images.instances_N, PRECISION_AT)
    agrees_NK = (labels_N[near_NK] == labels_N[:, None]).astype(np.float64)
    return Neighbors(agrees_NK.mean(axis=1), agrees_NK[:, 0])


@dataclass(frozen=True)
class Invariance:
    """Mean cosine distance of pool5 on tracks of objects that were never filmed for training."""

    views: float
    """D(A, A'): both ends of a track."""
    instances: float
    """D(A, B'): the start of one, and the end of one of another look-alike group, of one class."""
    classes: float
    """D(A, C'): the start of one, and the end of one of another class."""


def invariance(trunk: Trunk, tracks: HeldOut) -> Invariance:
    """`tracks`: the start and the end of every track, one after the other."""
    return distances(trunk_features(trunk, tracks.pixels), tracks.images)


def distances(features_ND: NDArray[np.float32], images: LabeledImages, seed: int = 0) -> Invariance:
    """The same of any features of these images; pairs of tracks are drawn by the seed."""
    unit_ND = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    starts_TD, ends_TD = unit_ND[0::2], unit_ND[1::2]
    kinds_T, groups_T = images.labels_N[0::2], images.instances_N[0::2]
    a, b = np.random.default_rng(seed).integers(0, len(starts_TD), (2, PAIRS))
    alike = (kinds_T[a] == kinds_T[b]) & (groups_T[a] != groups_T[b])
    unlike = kinds_T[a] != kinds_T[b]
    return Invariance(
        views=_distance(starts_TD, ends_TD),
        instances=_distance(starts_TD[a[alike]], ends_TD[b[alike]]),
        classes=_distance(starts_TD[a[unlike]], ends_TD[b[unlike]]),
    )


def _distance(a_ND: NDArray[np.float32], b_ND: NDArray[np.float32]) -> float:
    return float(1 - (a_ND * b_ND).sum(axis=1).mean())
