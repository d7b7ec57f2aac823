from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from trainer.data.augmentation import augment
from trainer.data.images import Image
from trainer.settings import AUGMENTATIONS

SMOOTH: Image = np.add.outer(np.arange(96) * 2, np.arange(96) // 2)[..., None].repeat(3, 2).astype(np.uint8)


def test_an_image_of_the_right_size_is_returned_as_it_is() -> None:
    assert augment(SMOOTH, 96, (), (0, 0, 0)) is SMOOTH


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_augmentation_changes_pixels_but_not_the_shape(name: str) -> None:
    changed = [augment(SMOOTH, 96, {name}, (0, position, 0)) for position in range(8)]

    assert all(image.shape == (96, 96, 3) and image.dtype == np.uint8 for image in changed)
    assert any(not np.array_equal(image, SMOOTH) for image in changed)


def test_mirror_reverses_about_half_of_the_images() -> None:
    images = [augment(SMOOTH, 96, {"mirror"}, (0, position, 0)) for position in range(200)]
    mirrored = sum(np.array_equal(image, SMOOTH[:, ::-1]) for image in images)

    assert mirrored + sum(np.array_equal(image, SMOOTH) for image in images) == 200
    assert 70 < mirrored < 130


def test_augmentation_depends_on_the_key_only() -> None:
    keys = [(seed, position, role) for seed in (0, 1) for position in (5, 10**12) for role in (0, 1, 2)]

    def change(key: tuple[int, int, int]) -> bytes:
        return augment(SMOOTH, 64, AUGMENTATIONS, key).tobytes()

    alone = [change(key) for key in keys]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(change, reversed(keys)))

    assert together == alone[::-1]
    assert len(set(alone)) == len(keys)


def test_one_augmentation_does_not_change_the_others() -> None:
    key = next(
        (0, at, 0) for at in range(99) if not np.array_equal(augment(SMOOTH, 96, {"mirror"}, (0, at, 0)), SMOOTH)
    )
    colored = augment(SMOOTH, 96, {"color"}, key)

    assert np.array_equal(augment(SMOOTH, 96, {"color", "mirror"}, key), colored[:, ::-1])


def test_shrinking_averages_pixels() -> None:
    checkers = (np.indices((96, 96)).sum(0) % 2 * 200)[..., None].repeat(3, 2).astype(np.uint8)

    assert np.all(augment(checkers, 48, (), (0, 0, 0)) == 100)
