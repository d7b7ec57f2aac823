from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import ingest.clustering.cliques
from ingest.clustering.cliques import cliques, exact_cosine, mutual_neighbor_pairs, nearest_neighbors, pairs_within
from ingest.features.base import normalize

Graph = tuple[int, NDArray[np.int64]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    num_rows = draw(st.integers(2, 12))
    possible = list(combinations(range(num_rows), 2))
    chosen = draw(st.lists(st.sampled_from(possible), unique=True))
    return num_rows, np.array(sorted(chosen), np.int64).reshape(-1, 2)


@st.composite
def unit_rows(draw: st.DrawFn) -> NDArray[np.float32]:
    """Draw rows of small integers, so that equal rows and exact ties are common."""
    num_rows, dims = draw(st.integers(1, 14)), draw(st.integers(2, 4))
    values = draw(st.lists(st.integers(-2, 2), min_size=num_rows * dims, max_size=num_rows * dims))
    rows = np.array(values, np.float32).reshape(num_rows, dims)
    rows[~rows.any(axis=1), 0] = 1
    return normalize(rows)


def cliques_by_hand(num_rows: int, pairs: NDArray[np.int64], size: int) -> list[tuple[int, ...]]:
    joined = {tuple(pair) for pair in pairs.tolist()}
    return [group for group in combinations(range(num_rows), size) if joined.issuperset(combinations(group, 2))]


def nearest_by_hand(rows: NDArray[np.float32], k: int) -> list[list[int]]:
    exact = rows.astype(np.float64)

    def neighbors(row: int) -> list[int]:
        others = [other for other in range(len(rows)) if other != row]
        return sorted(others, key=lambda other: (-float((exact[row] * exact[other]).sum()), other))[:k]

    return [neighbors(row) for row in range(len(rows))]


@given(graphs(), st.integers(2, 6))
def test_cliques_are_all_groups_whose_rows_are_joined_pairwise(graph: Graph, size: int) -> None:
    num_rows, pairs = graph
    assert [tuple(group) for group in cliques(pairs, num_rows, size).tolist()] == cliques_by_hand(num_rows, pairs, size)


@pytest.mark.parametrize("num_rows", range(9))
def test_a_complete_graph_contains_every_group_of_four(num_rows: int) -> None:
    pairs = np.array(list(combinations(range(num_rows), 2)), np.int64).reshape(-1, 2)
    assert cliques(pairs, num_rows, 4).tolist() == [list(group) for group in combinations(range(num_rows), 4)]


@given(unit_rows(), st.integers(1, 12))
def test_nearest_neighbors_are_exact_and_ties_go_by_row_number(rows: NDArray[np.float32], k: int) -> None:
    assert nearest_neighbors(rows, k).tolist() == nearest_by_hand(rows, k)


@given(unit_rows(), st.integers(1, 6))
def test_mutual_pairs_are_in_both_lists(rows: NDArray[np.float32], k: int) -> None:
    lists = nearest_by_hand(rows, k)
    by_hand = [[a, b] for a, b in combinations(range(len(rows)), 2) if b in lists[a] and a in lists[b]]
    assert mutual_neighbor_pairs(nearest_neighbors(rows, k)).tolist() == by_hand


def test_a_row_is_not_its_own_neighbor_among_equal_rows() -> None:
    rows = np.repeat(normalize(np.random.default_rng(0).standard_normal((1, 300)).astype(np.float32)), 40, axis=0)
    assert nearest_neighbors(rows, 3)[:5].tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("tile", [1, 5, 48, 97])
def test_tiles_do_not_change_the_neighbors(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    rows = normalize(np.random.default_rng(1).standard_normal((97, 700)).astype(np.float32))
    rows[60:75] = rows[20]  # equal rows in several tiles, more than there are neighbors
    whole = nearest_neighbors(rows, 10)
    monkeypatch.setattr(ingest.clustering.cliques, "TILE_ROWS", tile)
    np.testing.assert_array_equal(nearest_neighbors(rows, 10), whole)


def test_single_precision_stays_within_the_tolerance() -> None:
    # Positive rows, such as HOG and pooled activations, have the largest products and so the largest rounding errors.
    rows = normalize(np.random.default_rng(2).random((300, 4608)).astype(np.float32))
    left, right = (index.reshape(-1) for index in np.indices((300, 300)))
    exact = exact_cosine(rows, left, right).reshape(300, 300)
    assert np.abs(rows @ rows.T - exact).max() < ingest.clustering.cliques.COSINE_TOLERANCE / 2


@settings(max_examples=30)
@given(st.lists(st.sets(st.integers(0, 9), min_size=4, max_size=4), max_size=6))
def test_pairs_within_groups_are_listed_once(groups: list[set[int]]) -> None:
    rows = np.array([sorted(group) for group in groups], np.int64).reshape(-1, 4)
    by_hand = {pair for group in groups for pair in combinations(sorted(group), 2)}
    assert [tuple(pair) for pair in pairs_within(rows).tolist()] == sorted(by_hand)
