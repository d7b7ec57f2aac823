"""Cosine nearest neighbors among other instances: does a feature bring a class together? Needs numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.bootstrap import Estimate, bootstrap_mean
from trainer.evaluation.labeled_folder import LabeledImages

PRECISION_AT = 10

# N = images (each is a query and a neighbor), D = features, K = neighbors, C = classes


@dataclass(frozen=True, slots=True)
class KnnScore:
    """The score of one feature on one folder. Intervals by bootstrap over instances."""

    name: str
    dims: int
    accuracy: Estimate
    """Share of the images whose class wins the weighted vote of the k nearest."""
    top1: Estimate
    """Share of the images whose nearest neighbor has their class."""
    precision: Estimate
    """Share of the ten nearest that have the query's class."""
    per_class: dict[str, float]
    """Accuracy of the weighted vote."""


def score_features(
    name: str,
    features_ND: NDArray[np.float32],
    images: LabeledImages,
    *,
    k: int = 20,
    temperature: float = 0.07,
    seed: int = 0,
) -> KnnScore:
    """Score a feature by its nearest neighbors. The default k and temperature are those of DINO's protocol.

    A neighbor's vote weighs exp(cosine / temperature). Images of the query's own instance are never neighbors.
    """
    labels_N, instances_N = images.labels_N, images.instances_N
    similarity_NK, neighbors_NK = nearest(features_ND, instances_N, max(k, PRECISION_AT))
    agrees_NK = labels_N[neighbors_NK] == labels_N[:, None]
    voted_N = vote(similarity_NK[:, :k], labels_N[neighbors_NK[:, :k]], len(images.classes), temperature)
    correct_N = (voted_N == labels_N).astype(np.float64)

    def estimate(values_N: NDArray[np.float64]) -> Estimate:
        return bootstrap_mean(values_N, instances_N, seed)

    return KnnScore(
        name=name,
        dims=features_ND.shape[1],
        accuracy=estimate(correct_N),
        top1=estimate(agrees_NK[:, 0].astype(np.float64)),
        precision=estimate(agrees_NK[:, :PRECISION_AT].mean(axis=1)),
        per_class={label: float(correct_N[labels_N == number].mean()) for number, label in enumerate(images.classes)},
    )


def nearest(
    features_ND: NDArray[np.float32], instances_N: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find each row's k nearest rows of other instances: cosine similarity and index, nearest first, both N×K.

    K is less than k if some row has fewer such others. Equal similarities are ordered by index.
    """
    norms_N1 = np.linalg.norm(features_ND, axis=1, keepdims=True)
    unit_ND = features_ND / np.maximum(norms_N1, np.finfo(np.float32).tiny)
    similarity_NN = unit_ND @ unit_ND.T
    same_NN = instances_N[:, None] == instances_N[None, :]
    similarity_NN[same_NN] = -np.inf
    k = min(k, int((~same_NN).sum(axis=1).min()))
    neighbors_NK = np.argsort(-similarity_NN, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarity_NN, neighbors_NK, axis=1), neighbors_NK


def vote(
    similarity_NK: NDArray[np.float32], labels_NK: NDArray[np.int64], num_classes: int, temperature: float
) -> NDArray[np.int64]:
    """Return the class with the heaviest vote for each row."""
    # Relative to the nearest neighbor, so that no weight overflows.
    weights_NK = np.exp((similarity_NK - similarity_NK[:, :1]) / temperature)
    votes_NC = np.zeros((len(labels_NK), num_classes))
    np.add.at(votes_NC, (np.arange(len(labels_NK))[:, None], labels_NK), weights_NK)
    winners_N: NDArray[np.int64] = votes_NC.argmax(axis=1)
    return winners_N


def chance(images: LabeledImages) -> float:
    """Compute the precision of a random choice among the images of other instances."""
    labels_N, instances_N = images.labels_N, images.instances_N
    other_NN = instances_N[:, None] != instances_N[None, :]
    agrees_NN = labels_N[:, None] == labels_N[None, :]
    return float(((agrees_NN & other_NN).sum(axis=1) / other_NN.sum(axis=1)).mean())
