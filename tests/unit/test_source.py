"""The index of a pair leads to a key, and the rows of a key to a pair as a path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.source import Keys, inter_pairs, intra_pairs, transitive_pairs
from graphdb.model import InterRows, IntraRows, Location, PatchRef


def patch(id: str) -> PatchRef:
    return PatchRef(id, "group", Location("000000", 0, 1))


@given(st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 5)), max_size=10))
def test_an_index_leads_to_the_key_that_counting_leads_to(segments: list[tuple[int, int]]) -> None:
    first, count = (np.array(column, np.int64) for column in (zip(*segments, strict=True) if segments else ([], [])))
    counted = [key for first_key, size in segments for key in range(first_key, first_key + size)]
    keys = Keys.of(first, count)
    assert keys.total == len(counted)
    assert keys.at(np.arange(keys.total)) == counted


ROWS = InterRows([patch("a")] * 3, [patch("a-e30")] * 3, [patch("b")] * 3, [patch("b-e30")] * 3, [0.9, 0.8, 0.7])


def test_one_edge_derives_three_pairs() -> None:
    pairs = list(transitive_pairs(ROWS, np.array([0, 1, 2])))
    assert [(pair.anchor.id, pair.positive.id) for pair in pairs] == [
        ("a", "b-e30"),
        ("a-e30", "b"),
        ("a-e30", "b-e30"),
    ]
    assert [[patch.id for patch in pair.path] for pair in pairs] == [
        ["a", "b", "b-e30"],
        ["a-e30", "a", "b"],
        ["a-e30", "a", "b", "b-e30"],
    ]
    assert [pair.steps for pair in pairs] == [("INTER", "INTRA"), ("INTRA", "INTER"), ("INTRA", "INTER", "INTRA")]
    assert [pair.similarity for pair in pairs] == [0.9, 0.8, 0.7]


@pytest.mark.parametrize(
    "pairs", [inter_pairs(ROWS), intra_pairs(IntraRows(ROWS.a, ROWS.a_end))], ids=["inter", "intra"]
)
def test_a_pair_of_one_step_has_its_two_patches(pairs: object) -> None:
    for pair in pairs:  # type: ignore[attr-defined]
        assert len(pair.path) == 2 and len(pair.steps) == 1
