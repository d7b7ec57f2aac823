from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from trainer.evaluation.knn import chance, nearest, score_features, vote
from trainer.evaluation.labeled_folder import LabeledImages


def labeled(labels: list[int], instances: list[int]) -> LabeledImages:
    classes = [f"class {number}" for number in range(max(labels) + 1)]
    return LabeledImages([Path(str(i)) for i in range(len(labels))], classes, np.array(labels), np.array(instances))


def around(*degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array([[math.cos(math.radians(at)), math.sin(math.radians(at))] for at in degrees], np.float32)


def test_images_of_the_own_instance_are_never_neighbors() -> None:
    # 0 and 1 are views of one instance, almost equal; their nearest others are 2, then 3.
    features_ND = around(0, 1, 20, 40)

    similarity_NK, neighbors_NK = nearest(features_ND, np.array([0, 0, 1, 2]), 2)

    assert neighbors_NK.tolist() == [[2, 3], [2, 3], [1, 0], [2, 1]]
    assert similarity_NK[0] == pytest.approx([math.cos(math.radians(20)), math.cos(math.radians(40))], abs=1e-6)


def test_length_is_ignored_and_ties_are_ordered_by_index() -> None:
    features_ND = around(0, 30, 30, 30) * np.array([[1], [9], [0.1], [2]], np.float32)

    _, neighbors_NK = nearest(features_ND, np.arange(4), 3)

    assert neighbors_NK[0].tolist() == [1, 2, 3]


def test_a_feature_of_zeros_has_similarity_zero() -> None:
    similarity_NK, _ = nearest(np.array([[0, 0], [1, 0], [0, 1]], np.float32), np.arange(3), 2)

    assert np.isfinite(similarity_NK).all() and np.all(similarity_NK[0] == 0)


def test_temperature_weighs_one_strong_vote_against_many_weak_ones() -> None:
    similarity_NK = np.array([[0.9, 0.5, 0.5]], np.float32)
    labels_NK = np.array([[0, 1, 1]])

    assert vote(similarity_NK, labels_NK, 2, temperature=0.07).tolist() == [0]  # e^(0.4/0.07) = 303 > 2
    assert vote(similarity_NK, labels_NK, 2, temperature=1.0).tolist() == [1]  # e^0.4 = 1.49 < 2


def test_two_separate_classes_have_perfect_scores() -> None:
    images = labeled([0] * 12 + [1] * 12, [number for number in range(12) for _ in range(2)])
    features_ND = around(*range(12), *range(90, 102))

    score = score_features("angle", features_ND, images, k=5)

    assert score.accuracy.mean == score.top1.mean == score.precision.mean == 1
    assert score.accuracy.low == score.accuracy.high == 1
    assert score.per_class == {"class 0": 1, "class 1": 1}


def test_precision_counts_the_ten_nearest() -> None:
    # Class 0 has one image outside of the query's instance, so its precision is one in ten at best.
    images = labeled([0, 0] + [1] * 12, list(range(14)))

    score = score_features("angle", around(0, 1, *range(60, 72)), images, k=1)

    assert score.accuracy.mean == 1
    assert score.precision.mean == pytest.approx((2 * 0.1 + 12 * 1) / 14)


def test_noise_scores_at_chance() -> None:
    random = np.random.default_rng(0)
    labels = [number % 4 for number in range(100) for _ in range(4)]
    images = labeled(labels, [number for number in range(100) for _ in range(4)])

    score = score_features("noise", random.standard_normal((400, 16)).astype(np.float32), images)

    assert score.top1.low < chance(images) < score.top1.high
    assert chance(images) == pytest.approx(24 * 4 / (99 * 4))


def test_k_may_exceed_the_number_of_other_images() -> None:
    score = score_features("angle", around(0, 5, 90, 95), labeled([0, 0, 1, 1], [0, 1, 2, 3]), k=20)

    assert score.top1.mean == 1 and score.precision.mean == pytest.approx(1 / 3)
