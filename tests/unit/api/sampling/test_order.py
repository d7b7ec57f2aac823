"""The endless order is one-to-one, uniform, exact in its counts, and never changes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from api.errors import MixError
from api.sampling.order import KINDS, MAX_POSITION, ROUNDS, Mix, PairIndices, draw, keyed_words, pair_indices, permute

PAPER = Mix.parse("transitive:7,intra:2")
SIZES = {"transitive": 30, "intra": 11, "inter": 10}
FAR = MAX_POSITION - 10_000

mixes = st.permutations(KINDS).flatmap(
    lambda kinds: st.lists(st.integers(1, 9), min_size=1, max_size=3).map(
        lambda weights: Mix(tuple(kinds[: len(weights)]), tuple(weights))
    )
)
sizes = st.fixed_dictionaries({kind: st.integers(1, 60) for kind in KINDS})
seeds = st.integers(0, 2**63 - 1)


def keys_of(*name: str | int) -> NDArray[np.uint64]:
    return keyed_words(ROUNDS, *name)[:, None]


def read(seed: int, mix: Mix, sizes: dict[str, int], position: int, count: int) -> PairIndices:
    return pair_indices(seed, mix, sizes, np.arange(position, position + count))


def is_uniform(counts: NDArray[np.int64]) -> bool:
    """Whether a chi-square test accepts the counts as uniform, at p = 0.001."""
    return float(stats.chisquare(counts).pvalue) > 1e-3


# ── the permutation ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_small_range_is_permuted() -> None:
    for size in range(1, 400):
        assert np.array_equal(np.sort(permute(np.arange(size), size, keys_of(size))), np.arange(size)), size


@given(size=st.integers(1, 5000), seed=seeds)
@settings(max_examples=60, deadline=None)
def test_any_range_is_permuted(size: int, seed: int) -> None:
    assert np.array_equal(np.sort(permute(np.arange(size), size, keys_of(seed))), np.arange(size))


def test_a_range_of_2_to_the_61_is_permuted_without_a_table() -> None:
    size = 2**61 - 1
    index = np.arange(size - 5000, size)
    image = permute(index, size, keys_of("large"))
    assert len(np.unique(image)) == len(index)
    assert image.min() >= 0 and image.max() < size


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_every_order_of_a_few_items_is_equally_likely(size: int) -> None:
    """This includes odd permutations, which rotations of odd length alone never give."""
    num_keys = 30_000
    keys = np.stack([keyed_words(ROUNDS, size, key) for key in range(num_keys)], axis=1)
    images = np.stack([permute(np.full(num_keys, index), size, keys) for index in range(size)], axis=1)
    orders = np.ravel_multi_index(tuple(images.T), (size,) * size)
    counts = np.unique(orders, return_counts=True)[1]
    assert len(counts) == math.factorial(size)
    assert is_uniform(counts)


@pytest.mark.parametrize("size", [10, 50, 1000, 100_003])
def test_two_neighbors_have_independent_images(size: int) -> None:
    num_keys = 20_000
    keys = np.stack([keyed_words(ROUNDS, size, key) for key in range(num_keys)], axis=1)
    first, second = (permute(np.full(num_keys, index), size, keys) for index in (0, 1))
    bins = min(size, 10)
    assert is_uniform(np.bincount(first * bins // size, minlength=bins))
    distance = (second - first) % size
    assert distance.min() > 0
    assert stats.kstest(distance / size, stats.uniform.cdf).pvalue > 1e-3 or size < 1000


# ── the order ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(seed=seeds, mix=mixes, sizes=sizes, position=st.integers(0, MAX_POSITION - 2000))
@settings(max_examples=50, deadline=None)
def test_the_pair_at_a_position_does_not_depend_on_the_request(
    seed: int, mix: Mix, sizes: dict[str, int], position: int
) -> None:
    whole = read(seed, mix, sizes, position, 60)
    one_by_one = [read(seed, mix, sizes, position + i, 1) for i in range(60)]
    shuffled = np.random.default_rng(0).permutation(60)
    any_order = pair_indices(seed, mix, sizes, position + shuffled)
    for name in ("kind", "index", "epoch"):
        values = getattr(whole, name)
        assert values.tolist() == [getattr(one, name)[0] for one in one_by_one]
        assert values[shuffled].tolist() == getattr(any_order, name).tolist()


@given(seed=seeds, mix=mixes, sizes=sizes, block=st.integers(0, 2**50))
@settings(max_examples=50, deadline=None)
def test_every_block_holds_each_kind_as_often_as_its_weight(
    seed: int, mix: Mix, sizes: dict[str, int], block: int
) -> None:
    kinds = read(seed, mix, sizes, block * mix.block, 20 * mix.block).kind.reshape(20, mix.block)
    for number, weight in enumerate(mix.weights):
        assert ((kinds == number).sum(axis=1) == weight).all()


@given(seed=seeds, mix=mixes, sizes=sizes)
@settings(max_examples=50, deadline=None)
def test_an_epoch_holds_each_pair_of_the_first_kind_once(seed: int, mix: Mix, sizes: dict[str, int]) -> None:
    size = sizes[mix.kinds[0]]
    order = read(seed, mix, sizes, 0, 4 * size * mix.block)
    first = order.kind == 0
    for epoch in range(3):
        assert sorted(order.index[first & (order.epoch == epoch)]) == list(range(size))


@given(seed=seeds, mix=mixes, sizes=sizes)
@settings(max_examples=50, deadline=None)
def test_in_any_prefix_the_counts_of_the_pairs_of_a_kind_differ_by_at_most_one(
    seed: int, mix: Mix, sizes: dict[str, int]
) -> None:
    order = read(seed, mix, sizes, 0, 400)
    for number, kind in enumerate(mix.kinds):
        counts = np.zeros(sizes[kind], int)
        for index in order.index[order.kind == number]:
            counts[index] += 1
            assert counts.max() - counts.min() <= 1


@given(seed=seeds, mix=mixes, sizes=sizes, position=st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_epochs_never_decrease(seed: int, mix: Mix, sizes: dict[str, int], position: int) -> None:
    steps = np.diff(read(seed, mix, sizes, position, 500).epoch)
    assert steps.min() >= 0 and steps.max() <= 1


def test_a_changing_number_of_readers_reads_each_pair_of_an_epoch_once() -> None:
    """Rank r of W reads at step s from position start + (s·W + r)·B on."""
    size, batch = 900, 10
    num_positions = size * PAPER.block // 7
    seen: list[int] = []
    start = 0
    for world in itertools.cycle((8, 3, 5)):
        for rank in range(world):
            order = read(5, PAPER, {**SIZES, "transitive": size}, start + rank * batch, batch)
            seen += order.index[(order.kind == 0) & (order.epoch == 0)].tolist()
        start += world * batch
        if start > num_positions + PAPER.block:
            break
    assert sorted(seen) == list(range(size))


def test_the_kinds_of_a_block_come_in_any_order() -> None:
    kinds = read(1, PAPER, SIZES, 0, 36 * 400).kind.reshape(-1, 9)
    arrangements = np.unique(kinds @ (1 << np.arange(9)), return_counts=True)[1]
    assert len(arrangements) == math.comb(9, 2)
    assert is_uniform(arrangements)


def test_orders_of_different_seeds_passes_and_kinds_are_independent() -> None:
    size = 5000
    alone = {kind: Mix((kind,), (1,)) for kind in KINDS}
    sizes = dict.fromkeys(KINDS, size)
    orders = [
        read(0, alone["intra"], sizes, 0, size).index,
        read(1, alone["intra"], sizes, 0, size).index,
        read(2**62, alone["intra"], sizes, 0, size).index,
        read(0, alone["intra"], sizes, size, size).index,
        read(0, alone["intra"], sizes, size * 10**9, size).index,
        read(0, alone["inter"], sizes, 0, size).index,
    ]
    for left, right in itertools.combinations(orders, 2):
        assert abs(np.corrcoef(left, right)[0, 1]) < 4 / math.sqrt(size)
        # Two random permutations agree in one place on average.
        assert (left == right).sum() < 10


@pytest.mark.parametrize("position", [10**9, 2**40, FAR])
def test_a_far_position_is_read_like_the_first_one(position: int) -> None:
    order = read(3, PAPER, {"transitive": 3_000_000, "intra": 1_000_000}, position, 9000)
    assert 6995 <= (order.kind == 0).sum() <= 7005
    assert order.epoch[0] == position // 9 * 7 // 3_000_000
    assert order.index.min() >= 0 and order.index[order.kind == 1].max() < 1_000_000


def test_the_order_never_changes() -> None:
    """Stored positions rely on it."""
    order = read(20171022, PAPER, SIZES, 0, 18)
    assert "".join(PAPER.kinds[kind][0] for kind in order.kind) == "ttttttitititttittt"
    assert order.index.tolist() == [15, 6, 29, 24, 26, 7, 6, 13, 4, 5, 3, 28, 19, 8, 1, 23, 11, 20]
    far = read(20171022, PAPER, SIZES, 10**9, 9)
    assert far.index.tolist() == [26, 14, 0, 1, 22, 19, 4, 29, 24]
    assert far.epoch.tolist() == [
        25925925,
        25925925,
        25925926,
        25925926,
        25925926,
        25925926,
        25925926,
        25925926,
        25925926,
    ]
    assert draw(1, "graph", np.array([0, 1, 2**62]), 3).tolist() == [
        4146754021555390055,
        1176851274539596732,
        16299915687809895476,
    ]


# ── the draws ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_draws_are_uniform_in_position_and_number() -> None:
    positions = np.arange(20_000)
    for words in (draw(1, "graph", positions), draw(1, "graph", np.zeros(20_000, np.int64), positions)):
        for shift in (0, 7, 32, 60):
            assert is_uniform(np.bincount((words >> np.uint64(shift)) % np.uint64(16), minlength=16))


# ── the mix ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(mixes)
def test_a_mix_is_parsed_as_it_is_written(mix: Mix) -> None:
    assert Mix.parse(str(mix)) == mix


INVALID_MIXES = """
transitive
transitive:
transitive:0
transitive:-1
transitive:1.5
transitive:1001
transitive:٣
transitive:1,transitive:2
other:1
intra:2,
,
intra:2;inter:1
"""


@pytest.mark.parametrize("text", INVALID_MIXES.splitlines())
def test_an_invalid_mix_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MixError, match="transitive:7,intra:2"):
        Mix.parse(text)


def test_the_refusal_of_a_very_long_mix_is_short() -> None:
    with pytest.raises(MixError) as error:
        Mix.parse("x" * 10**6)
    assert len(str(error.value)) < 500
