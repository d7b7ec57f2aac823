"""The index of a pair gives its key and its ends; its patches give the path between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sampling.snapshot_index import SegmentKeys, pair_path, transitive_edges
from graphdb.model import end_id, start_id


@given(st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 5)), max_size=10))
def test_an_index_gives_the_key_found_by_counting(segments: list[tuple[int, int]]) -> None:
    first, count = (np.array(column, np.int64) for column in (zip(*segments, strict=True) if segments else ([], [])))
    counted = [key for first_key, size in segments for key in range(first_key, first_key + size)]
    keys = SegmentKeys.of(first, count)
    assert keys.total == len(counted)
    index = np.arange(keys.total)
    assert keys.at(index) == counted
    assert keys.segment(index).tolist() == [i for i, (_, size) in enumerate(segments) for _ in range(size)]


def test_one_edge_gives_three_transitive_pairs() -> None:
    edge, (a_ends, b_ends) = transitive_edges(np.arange(15, 21))
    assert edge.tolist() == [5, 5, 5, 6, 6, 6]
    assert list(zip(a_ends, b_ends, strict=True)) == [(False, True), (True, False), (True, True)] * 2


A, B = (start_id(f"{number:016x}", 30, 10, 20, 96) for number in (0xE, 0xE0E))
A_END, B_END = (end_id(start, 30) for start in (A, B))


@pytest.mark.parametrize(
    "patches",
    [(A, A_END), (A, B), (A, B, B_END), (A_END, A, B), (A_END, A, B, B_END)],
    ids=["intra", "inter", "A to B'", "A' to B", "A' to B'"],
)
def test_the_path_of_a_pair_leads_over_the_starts_of_its_tracks(patches: tuple[str, ...]) -> None:
    assert pair_path(patches[0], patches[-1]) == list(patches)
