"""Child clusters and INTER edges of one parent."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import ingest.clustering.children
import ingest.clustering.cliques
from ingest.clustering.children import ChildClusters, eligible_rows, find_child_clusters
from ingest.features.base import normalize
from ingest.settings import ClusterSettings
from tests.unit.ingest.clustering.test_kmeans import SETTINGS, world


def link(ids: list[str], features: NDArray[np.float32], settings: ClusterSettings = SETTINGS) -> ChildClusters:
    return find_child_clusters(ids, features, settings)


def named(ids: list[str], linked: ChildClusters) -> tuple[list[list[str]], list[float], list[list[str]]]:
    edges = [[ids[row] for row in edge] for edge in linked.edges]
    return edges, linked.similarity.tolist(), [[ids[row] for row in child] for child in linked.children]


def test_edges_are_the_pairs_of_children_from_lower_to_higher_id() -> None:
    ids, features = world(400, 1)
    edges, similarity, children = named(ids, link(ids, features))
    assert children
    assert all(child == sorted(child) and len(set(child)) == 4 for child in children)
    assert edges == sorted([list(pair) for pair in {pair for child in children for pair in combinations(child, 2)}])
    units = dict(zip(ids, normalize(features), strict=True))
    np.testing.assert_allclose(similarity, [units[a] @ units[b] for a, b in edges], atol=1e-6)


def test_unusable_rows_have_no_edges() -> None:
    ids, features = world(60, 1)
    features[3], features[7, 2], features[11, 0] = 0, np.nan, np.inf
    linked = link(ids, features)
    assert len(linked.edges)
    assert not np.isin([3, 7, 11], linked.edges).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000_000))
def test_the_order_of_rows_does_not_change_the_result(seed: int) -> None:
    ids, features = world(150, 2)
    order = np.random.default_rng(seed).permutation(len(ids))
    shuffled = [ids[i] for i in order]
    assert named(shuffled, link(shuffled, features[order])) == named(ids, link(ids, features))


def test_only_the_lowest_start_of_a_video_is_eligible() -> None:
    ids, features = world(400, 4)
    linked = link(ids, features)
    rows = set(linked.edges.reshape(-1).tolist())
    assert rows
    assert all(row % 4 == 0 for row in rows)


def test_an_unusable_start_is_replaced_by_the_next_of_its_video() -> None:
    ids, features = world(8, 4)
    features[0] = 0
    assert eligible_rows(ids, features, SETTINGS).tolist() == [1, 4]


def test_same_video_allow_links_starts_of_one_video() -> None:
    ids, features = world(400, 4)
    allow = ClusterSettings(neighbors=10, same_video="allow")
    joined = link(ids, features, allow).edges // 4
    assert (joined[:, 0] == joined[:, 1]).any()


def test_only_one_of_equal_crops_is_eligible() -> None:
    ids, features = world(300, 1)
    features[100:140] = features[100]
    rows = set(link(ids, features).edges.reshape(-1).tolist())
    assert not rows & set(range(101, 140))


def test_a_parent_too_large_for_memory_gives_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, features = world(400, 2)
    at_once = named(ids, link(ids, features))
    monkeypatch.setattr(ingest.clustering.children, "IN_MEMORY", 0)
    monkeypatch.setattr(ingest.clustering.cliques, "TILE_ROWS", 60)
    stored = features.astype(np.float16)
    assert named(ids, find_child_clusters(ids, stored, SETTINGS)) == at_once
    assert at_once[0]


@pytest.mark.parametrize("starts", range(6))
def test_a_small_parent_gives_no_child_cluster_or_all_of_them(starts: int) -> None:
    ids, features = world(starts, 1)
    linked = link(ids, features)
    assert linked.edges.shape == ((10, 2) if starts == 5 else (0, 2))
    assert linked.children.shape == ((5, 4) if starts == 5 else (0, 4))
    assert linked.similarity.dtype == np.float32


LINK_ELSEWHERE = """
import sys
from tests.unit.ingest.clustering.test_children import link, named
from tests.unit.ingest.clustering.test_kmeans import SETTINGS, world
from ingest.clustering.kmeans import fit_centroids
ids, features = world(800, 2)
sys.stdout.write(fit_centroids(features, SETTINGS).tobytes().hex() + repr(named(ids, link(ids, features))))
"""


def test_the_number_of_threads_does_not_change_the_result() -> None:
    def run(threads: int) -> str:
        counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        command = [sys.executable, "-c", LINK_ELSEWHERE]
        root = Path(__file__).parents[4]
        environment = os.environ | counts | {"PYTHONPATH": str(root)}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert run(1) == run(2)
