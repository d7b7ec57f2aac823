"""k-means: centroids of the parents, and the parent of each feature."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.clustering.kmeans import UNCLUSTERED, assign, fit_centroids
from ingest.errors import IngestError
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

SETTINGS = ClusterSettings(parents=5, min_parent_size=12, neighbors=10)


def world(starts: int, per_video: int, kinds: int = 12, seed: int = 0) -> tuple[list[str], NDArray[np.float32]]:
    """Make ascending start ids, and features of `kinds` loose clusters."""
    random = np.random.default_rng(seed)
    centers = random.standard_normal((kinds, 48))
    rows = centers[random.integers(0, kinds, starts)] + random.standard_normal((starts, 48))
    ids = [f"{i // per_video:016x}-{i % per_video:08d}-0-0-96" for i in range(starts)]
    return ids, normalize(rows.astype(np.float32)).astype(np.float16).astype(np.float32)


def test_centroids_are_unit_rows_and_reproducible() -> None:
    _, features = world(600, 1)
    first, again = (fit_centroids(features, SETTINGS) for _ in range(2))
    assert first.shape == (5, 48)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(first, again)


def test_another_seed_gives_other_centroids() -> None:
    _, features = world(600, 1)
    other = ClusterSettings(parents=5, seed=1)
    assert not np.array_equal(fit_centroids(features, SETTINGS), fit_centroids(features, other))


def test_k_means_finds_separate_clusters() -> None:
    random = np.random.default_rng(0)
    kind = np.repeat(np.arange(3), 50)
    features = normalize((np.eye(3)[kind] + 0.05 * random.standard_normal((150, 3))).astype(np.float32))
    numbers = assign(features, fit_centroids(features, ClusterSettings(parents=3)))
    assert sorted(len(set(numbers[kind == k].tolist())) for k in range(3)) == [1, 1, 1]
    assert len(set(numbers.tolist())) == 3


def test_fewer_starts_than_parents_give_one_parent_for_each() -> None:
    _, features = world(3, 1)
    assert fit_centroids(features, SETTINGS).shape == (3, 48)


def test_unusable_rows_are_left_out() -> None:
    _, features = world(60, 1)
    features[3], features[7, 2], features[11, 0] = 0, np.nan, np.inf
    centroids = fit_centroids(features, SETTINGS)
    assert np.isfinite(centroids).all()
    numbers = assign(features, centroids)
    assert np.flatnonzero(numbers == UNCLUSTERED).tolist() == [3, 7, 11]


def test_features_without_a_usable_row_are_an_error() -> None:
    with pytest.raises(IngestError, match="None of 9 starts"):
        fit_centroids(np.zeros((9, 4), np.float32), SETTINGS)


def test_the_assigned_parent_does_not_depend_on_the_batch() -> None:
    _, features = world(900, 1)
    centroids = fit_centroids(features, ClusterSettings(parents=60))
    portions = assign(features, centroids)
    for size in (1, 7, 256):
        parts = [assign(features[i : i + size], centroids) for i in range(0, len(features), size)]
        np.testing.assert_array_equal(np.concatenate(parts), portions)


def test_equal_centroids_give_the_lower_number() -> None:
    _, features = world(50, 1)
    assert set(assign(features, np.repeat(features[:1], 9, axis=0)).tolist()) == {0}
