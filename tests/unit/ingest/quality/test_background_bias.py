from __future__ import annotations

import numpy as np
import pytest

from ingest.quality.background_bias import background_bias, border_color, random_pairs, sample_pairs


def test_the_border_color_is_the_mean_of_the_border() -> None:
    crop = np.full((96, 96, 3), (10, 20, 30), np.uint8)
    crop[12:-12, 12:-12] = 255
    np.testing.assert_array_equal(border_color(crop), [10, 20, 30])


def test_the_ratio_is_0_for_edges_between_equal_backgrounds_and_1_for_random_edges() -> None:
    ids = [f"{i:02}-0" for i in range(40)]
    colors = {id: np.array([255.0 * (i % 2), 0, 0]) for i, id in enumerate(ids)}
    random = random_pairs(ids, 2000)
    by_color = background_bias([(ids[i], ids[i + 2]) for i in range(36)], random, colors)
    blind = background_bias(random_pairs(ids, 2000, seed=1), random, colors)
    assert (by_color.ratio, by_color.edges) == (0, 36)
    assert blind.ratio == pytest.approx(1, abs=0.1)
    assert background_bias([], random, colors).ratio is None


def test_random_pairs_join_two_videos_and_are_reproducible() -> None:
    starts = ["a-0", "a-1", "b-0", "c-0"]
    pairs = random_pairs(starts, 100)
    assert pairs == random_pairs(starts, 100)
    assert all(a[0] != b[0] for a, b in pairs) and len(pairs) > 50
    assert random_pairs([], 9) == random_pairs(["a-0", "a-1"], 9) == []


def test_a_sample_is_drawn_of_many_pairs() -> None:
    pairs = [(str(i), str(i + 1)) for i in range(100)]
    assert sample_pairs(pairs, 200) == pairs
    assert len(set(sample_pairs(pairs, 20))) == 20
