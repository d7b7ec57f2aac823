from __future__ import annotations

import numpy as np
import pytest

from ingest.quality.background_bias import background, border_color, chosen, random_pairs


def test_the_border_is_what_counts() -> None:
    crop = np.full((96, 96, 3), (10, 20, 30), np.uint8)
    crop[12:-12, 12:-12] = 255
    np.testing.assert_array_equal(border_color(crop), [10, 20, 30])


def test_edges_that_match_by_background_are_told_from_those_that_do_not() -> None:
    ids = [f"{i:02}-0" for i in range(40)]
    colors = {id: np.array([255.0 * (i % 2), 0, 0]) for i, id in enumerate(ids)}
    random = random_pairs(ids, 2000)
    by_color = background([(ids[i], ids[i + 2]) for i in range(36)], random, colors)
    blind = background(random_pairs(ids, 2000, seed=1), random, colors)
    assert (by_color.ratio, by_color.edges) == (0, 36)
    assert blind.ratio == pytest.approx(1, abs=0.1)
    assert background([], random, colors).ratio is None


def test_random_pairs_are_of_two_videos_and_the_same_each_time() -> None:
    starts = ["a-0", "a-1", "b-0", "c-0"]
    pairs = random_pairs(starts, 100)
    assert pairs == random_pairs(starts, 100)
    assert all(a[0] != b[0] for a, b in pairs) and len(pairs) > 50
    assert random_pairs([], 9) == random_pairs(["a-0", "a-1"], 9) == []


def test_of_many_pairs_some_are_chosen() -> None:
    pairs = [(str(i), str(i + 1)) for i in range(100)]
    assert chosen(pairs, 200) == pairs
    assert len(set(chosen(pairs, 20))) == 20
