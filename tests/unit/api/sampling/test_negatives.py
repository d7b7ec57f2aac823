"""Negatives are of another group, uniform over the allowed patches, and determined by the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from api.sampling.negatives import MAX_DRAWS, DrawnNegatives, negatives_from_batch, negatives_from_graph
from api.sampling.order import draw
from graphdb.model import Integers, IntraRows, Patches
from graphdb.store.records import texts


@given(groups=st.lists(st.sampled_from("abcd"), min_size=2, max_size=60), seed=st.integers(0, 2**63 - 1))
def test_a_negative_from_the_batch_is_of_another_group(groups: list[str], seed: int) -> None:
    groups = groups[: len(groups) // 2 * 2]
    num_pairs = len(groups) // 2
    negative_idx = negatives_from_batch(groups, draw(seed, "batch", np.arange(num_pairs)))
    for anchor, negative in enumerate(negative_idx):
        if negative == -1:
            assert set(groups) == {groups[anchor]}
        else:
            assert groups[negative] != groups[anchor]


def test_every_image_of_another_group_is_equally_likely() -> None:
    groups = ["a", "b", "a", "c", "a", "b", "c", "c"]
    words = draw(1, "batch", np.arange(4 * 8000)).reshape(8000, 4)
    chosen = np.array([negatives_from_batch(groups, row) for row in words])
    for anchor in range(4):
        counts = np.bincount(chosen[:, anchor], minlength=8)
        allowed = np.array([group != groups[anchor] for group in groups])
        assert not counts[~allowed].any()
        assert stats.chisquare(counts[allowed]).pvalue > 1e-3


class Tracks:
    """The tracks of a snapshot with their groups. Keeps the number of tracks in each query."""

    def __init__(self, groups: list[str]) -> None:
        self.groups = groups
        self.queries: list[int] = []

    def read(self, track: Integers) -> IntraRows:
        self.queries.append(len(track))
        return IntraRows(self.patches(track, ""), self.patches(track, "-e30"))

    def patches(self, track: Integers, suffix: str) -> Patches:
        ids = texts([f"{number}{suffix}" for number in track.tolist()])
        groups = texts([self.groups[number] for number in track.tolist()])
        return Patches(ids, groups, texts(["000000"] * len(track)), track, track)


def chosen(drawn: DrawnNegatives) -> list[tuple[str, str]]:
    """Return the id and the group of the negative of each anchor."""
    assert (drawn.row >= 0).all()
    patches = drawn.patches.at(drawn.row)
    return list(zip(patches.id, patches.group, strict=True))


def test_a_negative_from_the_graph_is_of_another_group_and_independent_of_the_batch() -> None:
    tracks = Tracks(["a"] * 70 + ["b"] * 20 + ["c"] * 10)
    positions = np.arange(10**9, 10**9 + 300)
    groups = texts(["abc"[position % 3] for position in positions])
    drawn = chosen(negatives_from_graph(tracks.read, 100, 4, positions, groups))
    for position, group, patch in zip(positions, groups, drawn, strict=True):
        assert patch[1] != group
        assert chosen(negatives_from_graph(tracks.read, 100, 4, np.array([position]), texts([group]))) == [patch]


def test_starts_and_ends_of_all_allowed_tracks_are_equally_likely() -> None:
    tracks = Tracks(["a"] * 5 + ["b"] * 5)
    drawn = chosen(negatives_from_graph(tracks.read, 10, 9, np.arange(20_000), texts(["a"] * 20_000)))
    counts = np.unique([id for id, _ in drawn], return_counts=True)[1]
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_second_query_is_only_for_anchors_without_a_negative() -> None:
    tracks = Tracks(["a"] * 50 + ["b"] * 50)
    negatives_from_graph(tracks.read, 100, 1, np.arange(1000), texts(["a"] * 1000))
    assert tracks.queries[0] == 1000
    assert sum(tracks.queries) < 4000


@pytest.mark.parametrize("num_pairs", [1, 200])
def test_an_anchor_whose_draws_are_all_of_its_group_has_no_negative(num_pairs: int) -> None:
    tracks = Tracks(["a"] * 10)
    drawn = negatives_from_graph(tracks.read, 10, 1, np.arange(num_pairs), texts(["a"] * num_pairs))
    assert drawn.row.tolist() == [-1] * num_pairs
    assert sum(tracks.queries) == MAX_DRAWS * num_pairs
