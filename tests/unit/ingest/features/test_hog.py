"""HOG: its numbers, and what they depend on."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.feature

from ingest.features.base import normalize
from ingest.features.factory import load_extractor
from ingest.features.hog import HogExtractor
from ingest.settings import ExtractorSpec
from tests.unit.ingest.features.photographs import photographs


def test_hog_gives_unit_rows_of_4356_numbers() -> None:
    rows = load_extractor(ExtractorSpec())(photographs())
    assert rows.shape == (4, 4356)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_dims_are_known_before_extraction() -> None:
    assert load_extractor(ExtractorSpec()).dims == 4356
    assert HogExtractor(cell=16).dims == HogExtractor(cell=16)(photographs()).shape[1]


def test_hog_of_a_crop_does_not_depend_on_the_batch() -> None:
    extractor, crops = load_extractor(ExtractorSpec()), photographs()
    together = extractor(crops)
    alone = np.concatenate([extractor(crops[i : i + 1]) for i in range(len(crops))])
    np.testing.assert_array_equal(together, alone)


def test_without_softness_hog_equals_scikit_image() -> None:
    crops = photographs()
    textbook = [skimage.feature.hog(crop, cells_per_block=(2, 2), block_norm="L2", channel_axis=-1) for crop in crops]
    rows = HogExtractor(softness=0)(crops)
    np.testing.assert_allclose(rows, normalize(np.stack(textbook).astype(np.float32)), atol=1e-5)


def test_softness_keeps_a_faint_background_faint() -> None:
    crop = np.full((96, 96, 3), 100, np.uint8)
    crop[:48] += np.tile(np.array([0, 0, 0, 4], np.uint8), 24)[None, :, None]
    crop[60:80, 30:60] = 250

    def background(softness: float) -> float:
        blocks = HogExtractor(softness=softness)(crop[None]).reshape(11, 11, 36)
        return float(np.square(blocks[:5]).sum())

    assert background(softness=1) < 0.1 < 0.5 < background(softness=0)


def test_a_blank_crop_gives_a_row_of_zeros() -> None:
    rows = load_extractor(ExtractorSpec())(np.full((1, 96, 96, 3), 128, np.uint8))
    np.testing.assert_array_equal(rows, np.zeros_like(rows))


def test_hog_of_no_crops_is_empty() -> None:
    assert load_extractor(ExtractorSpec())(np.empty((0, 96, 96, 3), np.uint8)).shape == (0, 4356)


@pytest.mark.parametrize("side", [48, 64, 192])
def test_hog_of_rescaled_crops_is_nearest_to_the_same_picture(side: int) -> None:
    hog, crops = load_extractor(ExtractorSpec()), photographs()
    other = np.stack([cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in crops])
    rows, scaled = hog(crops), hog(other)
    assert scaled.shape == rows.shape
    alike = scaled @ rows.T
    assert (alike.argmax(axis=1) == np.arange(len(crops))).all(), alike


def test_the_digest_depends_on_the_parameters() -> None:
    assert load_extractor(ExtractorSpec()).digest == HogExtractor().digest
    assert len(HogExtractor().digest) == 16
    assert replace(HogExtractor(), cell=16).digest != HogExtractor().digest
