"""Negatives are of another group, uniform over what is allowed, and follow from the lots alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from api.negatives import MAX_DRAWS, from_batch, from_graph
from api.order import Integers, draw
from graphdb.model import IntraRows, Location, PatchRef

PLACE = Location("000000", 0, 1)


@given(groups=st.lists(st.sampled_from("abcd"), min_size=2, max_size=60), seed=st.integers(0, 2**63 - 1))
def test_a_negative_of_the_batch_is_of_another_group(groups: list[str], seed: int) -> None:
    groups = groups[: len(groups) // 2 * 2]
    num_pairs = len(groups) // 2
    negative_idx = from_batch(groups, draw(seed, "batch", np.arange(num_pairs)))
    for anchor, negative in enumerate(negative_idx):
        if negative == -1:
            assert set(groups) == {groups[anchor]}
        else:
            assert groups[negative] != groups[anchor]


def test_every_image_of_another_group_is_equally_likely() -> None:
    groups = ["a", "b", "a", "c", "a", "b", "c", "c"]
    lots = draw(1, "batch", np.arange(4 * 8000)).reshape(8000, 4)
    chosen = np.array([from_batch(groups, row) for row in lots])
    for anchor in range(4):
        counts = np.bincount(chosen[:, anchor], minlength=8)
        allowed = np.array([group != groups[anchor] for group in groups])
        assert not counts[~allowed].any()
        assert stats.chisquare(counts[allowed]).pvalue > 1e-3


class Tracks:
    """A snapshot's tracks, by their groups alone; keeps count of the questions."""

    def __init__(self, groups: list[str]) -> None:
        self.groups = groups
        self.asked: list[int] = []

    def read(self, track: Integers) -> IntraRows:
        self.asked.append(len(track))
        tracks = track.tolist()
        start = [PatchRef(f"{i}", self.groups[i], PLACE) for i in tracks]
        return IntraRows(start, [PatchRef(f"{i}-e30", self.groups[i], PLACE) for i in tracks])


def test_a_negative_of_the_graph_is_of_another_group_whatever_else_is_asked_for() -> None:
    tracks = Tracks(["a"] * 70 + ["b"] * 20 + ["c"] * 10)
    positions = np.arange(10**9, 10**9 + 300)
    groups = ["abc"[position % 3] for position in positions]
    chosen = from_graph(tracks.read, 100, 4, positions, groups)
    for position, group, patch in zip(positions, groups, chosen, strict=True):
        assert patch is not None and patch.group != group
        assert from_graph(tracks.read, 100, 4, np.array([position]), [group]) == [patch]


def test_starts_and_ends_of_all_allowed_tracks_are_equally_likely() -> None:
    tracks = Tracks(["a"] * 5 + ["b"] * 5)
    chosen = from_graph(tracks.read, 10, 9, np.arange(20_000), ["a"] * 20_000)
    names = [patch.id for patch in chosen if patch is not None]
    counts = np.unique(names, return_counts=True)[1]
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_second_question_is_only_about_what_the_first_left_open() -> None:
    tracks = Tracks(["a"] * 50 + ["b"] * 50)
    from_graph(tracks.read, 100, 1, np.arange(1000), ["a"] * 1000)
    assert tracks.asked[0] == 1000
    assert sum(tracks.asked) < 4000


@pytest.mark.parametrize("num_pairs", [1, 200])
def test_after_all_draws_of_its_own_group_there_is_none(num_pairs: int) -> None:
    tracks = Tracks(["a"] * 10)
    assert from_graph(tracks.read, 10, 1, np.arange(num_pairs), ["a"] * num_pairs) == [None] * num_pairs
    assert sum(tracks.asked) == MAX_DRAWS * num_pairs
