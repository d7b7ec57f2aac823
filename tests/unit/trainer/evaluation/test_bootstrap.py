from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.bootstrap import bootstrap_mean


def test_the_interval_of_independent_values_equals_the_normal_approximation() -> None:
    values_N = np.random.default_rng(0).normal(3, 2, 400)

    estimate = bootstrap_mean(values_N, np.arange(400), seed=0)

    half = 1.96 * values_N.std() / 20
    assert estimate.mean == pytest.approx(values_N.mean())
    assert (estimate.low, estimate.high) == pytest.approx((estimate.mean - half, estimate.mean + half), abs=0.02)


def test_values_in_groups_give_wider_intervals() -> None:
    group_means = np.random.default_rng(0).normal(0, 1, 25)
    values_N = group_means.repeat(16)

    grouped = bootstrap_mean(values_N, np.arange(25).repeat(16), seed=0)
    naive = bootstrap_mean(values_N, np.arange(400), seed=0)

    assert grouped.high - grouped.low == pytest.approx(4 * (naive.high - naive.low), rel=0.1)


def test_the_seed_determines_the_interval() -> None:
    values_N = np.random.default_rng(0).random(30)

    assert bootstrap_mean(values_N, np.arange(30), 1) == bootstrap_mean(values_N, np.arange(30), 1)
    assert bootstrap_mean(values_N, np.arange(30), 1) != bootstrap_mean(values_N, np.arange(30), 2)


def test_group_numbers_are_arbitrary() -> None:
    values_N = np.array([0.0, 1.0, 1.0, 0.0])

    assert bootstrap_mean(values_N, np.array([7, 7, 90, 90]), 0).mean == 0.5
