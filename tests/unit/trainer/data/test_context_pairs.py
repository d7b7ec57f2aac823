"""Pairs of patches for context prediction: their places, their colors, and their keys."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from trainer.data import context_pairs
from trainer.data.context_pairs import NEIGHBORS, cut_pair, draw_place
from trainer.data.images import Image

KEYS = [(0, position) for position in range(400)]


def ramps(height: int, width: int) -> Image:
    """An image whose channels all rise from the top left to the bottom right: a patch's mean shows where it lies."""
    down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
    return np.repeat((127 * (down + across))[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [32, 64, 96])
@pytest.mark.parametrize("shape", [(180, 320), (320, 180), (96, 96), (40, 600)])
def test_two_patches_fit_into_an_image_of_any_shape(size: int, shape: tuple[int, int]) -> None:
    for key in KEYS[:40]:
        pair = cut_pair(ramps(*shape), size, key)
        assert pair.shape == (2, 3, size, size)
        assert pair.dtype == np.float32
        np.testing.assert_allclose(np.mean(pair**2, axis=(1, 2, 3)), 1, rtol=1e-4)


def test_the_second_patch_lies_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    means: list[tuple[float, float]] = []

    def mean_position(patch_SSC: Image, random: np.random.Generator) -> context_pairs.Patch:
        means.append((float(patch_SSC[..., 0].mean()), float(patch_SSC[..., 1].mean())))
        return np.zeros((3, 48, 48), np.float32)

    monkeypatch.setattr(context_pairs, "color_drop", mean_position)
    down, across = np.meshgrid(np.linspace(0, 200, 200), np.linspace(0, 200, 200), indexing="ij")
    image = np.stack([down, across, down], axis=2).astype(np.uint8)
    seen: Counter[tuple[int, int]] = Counter()
    for key in KEYS:
        means.clear()
        cut_pair(image, 48, key)
        (first_down, first_across), (second_down, second_across) = means
        place = NEIGHBORS[draw_place(key)]
        # The patches are a patch and a gap apart, up to the jitter of both.
        assert np.sign(np.round((second_down - first_down) / 40)) == place[0]
        assert np.sign(np.round((second_across - first_across) / 40)) == place[1]
        seen[place] += 1
    assert set(seen) == set(NEIGHBORS)


def test_patches_depend_on_the_key() -> None:
    image = ramps(180, 320)
    assert np.array_equal(cut_pair(image, 32, (3, 7)), cut_pair(image, 32, (3, 7)))
    assert not np.array_equal(cut_pair(image, 32, (3, 7)), cut_pair(image, 32, (3, 8)))


def test_one_channel_is_kept_and_the_others_are_noise() -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (200, 300, 3), np.uint8)
    kept: Counter[int] = Counter()
    for key in KEYS[:90]:
        for patch in cut_pair(image, 32, key):
            power = np.mean(patch**2, axis=(1, 2))
            assert np.sort(power)[1] < 0.01 * power.max()
            kept[int(power.argmax())] += 1
    assert set(kept) == {0, 1, 2}


def test_a_patch_of_one_color_becomes_noise() -> None:
    gray = np.full((200, 300, 3), 90, np.uint8)
    pair = cut_pair(gray, 32, (0, 0))
    assert np.isfinite(pair).all()
