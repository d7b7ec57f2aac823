from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from trainer.data.augmentation import augment
from trainer.data.images import Image
from trainer.settings import AUGMENTATIONS

SMOOTH: Image = np.add.outer(np.arange(96) * 2, np.arange(96) // 2)[..., None].repeat(3, 2).astype(np.uint8)


def test_nothing_changes_an_image_that_has_its_size() -> None:
    assert augment(SMOOTH, 96, (), (0, 0, 0)) is SMOOTH


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_change_by_itself_changes_pixels_but_not_the_shape(name: str) -> None:
    changed = [augment(SMOOTH, 96, {name}, (0, position, 0)) for position in range(8)]

    assert all(image.shape == (96, 96, 3) and image.dtype == np.uint8 for image in changed)
    assert any(not np.array_equal(image, SMOOTH) for image in changed)


def test_a_mirrored_image_is_the_image_backwards_about_half_of_the_time() -> None:
    images = [augment(SMOOTH, 96, {"mirror"}, (0, position, 0)) for position in range(200)]
    mirrored = sum(np.array_equal(image, SMOOTH[:, ::-1]) for image in images)

    assert mirrored + sum(np.array_equal(image, SMOOTH) for image in images) == 200
    assert 70 < mirrored < 130


def test_the_key_alone_decides() -> None:
    keys = [(seed, position, role) for seed in (0, 1) for position in (5, 10**12) for role in (0, 1, 2)]

    def change(key: tuple[int, int, int]) -> bytes:
        return augment(SMOOTH, 64, AUGMENTATIONS, key).tobytes()

    alone = [change(key) for key in keys]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(change, reversed(keys)))

    assert together == alone[::-1]
    assert len(set(alone)) == len(keys)


def test_switching_one_change_on_leaves_the_others_as_they_were() -> None:
    key = next(
        (0, at, 0) for at in range(99) if not np.array_equal(augment(SMOOTH, 96, {"mirror"}, (0, at, 0)), SMOOTH)
    )
    colored = augment(SMOOTH, 96, {"color"}, key)

    assert np.array_equal(augment(SMOOTH, 96, {"color", "mirror"}, key), colored[:, ::-1])


def test_an_image_that_shrinks_is_averaged() -> None:
    checkers = (np.indices((96, 96)).sum(0) % 2 * 200)[..., None].repeat(3, 2).astype(np.uint8)

    assert np.all(augment(checkers, 48, (), (0, 0, 0)) == 100)
