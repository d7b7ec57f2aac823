from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.feature
from numpy.typing import NDArray

from ingest.errors import DamagedFile, UnknownExtractor
from ingest.features.base import normalize
from ingest.features.factory import load_extractor
from ingest.features.hog import HogExtractor
from ingest.features.storage import features_path, read_features, write_features
from ingest.settings import ExtractorSpec

EXTRACTOR = "0123456789abcdef"
VIDEO = "00000000000000aa"


def photographs() -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return np.stack([image[y : y + 96, x : x + 96] for y, x in ((0, 150), (60, 180), (300, 50), (400, 400))])


def test_hog_gives_unit_rows_of_4356_numbers() -> None:
    rows = load_extractor(ExtractorSpec())(photographs())
    assert rows.shape == (4, 4356)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_dims_are_known_before_extraction() -> None:
    assert load_extractor(ExtractorSpec()).dims == 4356
    assert HogExtractor(cell=16).dims == HogExtractor(cell=16)(photographs()).shape[1]


def test_hog_of_a_crop_does_not_depend_on_its_batch() -> None:
    extractor, crops = load_extractor(ExtractorSpec()), photographs()
    together = extractor(crops)
    alone = np.concatenate([extractor(crops[i : i + 1]) for i in range(len(crops))])
    np.testing.assert_array_equal(together, alone)


def test_without_softness_hog_is_the_textbook_one() -> None:
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
def test_hog_of_crops_of_another_size_is_that_of_the_same_picture(side: int) -> None:
    hog, crops = load_extractor(ExtractorSpec()), photographs()
    other = np.stack([cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in crops])
    rows, scaled = hog(crops), hog(other)
    assert scaled.shape == rows.shape
    alike = scaled @ rows.T
    assert (alike.argmax(axis=1) == np.arange(len(crops))).all(), alike


def test_a_digest_names_the_parameters() -> None:
    assert load_extractor(ExtractorSpec()).digest == HogExtractor().digest
    assert len(HogExtractor().digest) == 16
    assert replace(HogExtractor(), cell=16).digest != HogExtractor().digest


def test_an_unknown_extractor_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UnknownExtractor, match="hog") as caught:
        load_extractor(ExtractorSpec(features="sift"))
    assert caught.value.name == "sift"


def test_normalize_leaves_zero_rows_alone() -> None:
    rows = normalize(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0, 0]]), rtol=1e-6)


def test_features_come_back_as_written_in_half_precision(tmp_path: Path) -> None:
    rows = load_extractor(ExtractorSpec())(photographs())
    write_features(tmp_path, EXTRACTOR, VIDEO, rows)
    back = read_features(tmp_path, EXTRACTOR, VIDEO)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, rows.astype(np.float16))


def test_writing_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_features(tmp_path, EXTRACTOR, VIDEO, np.zeros((3, 4), np.float32))
    write_features(tmp_path, EXTRACTOR, VIDEO, np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(read_features(tmp_path, EXTRACTOR, VIDEO), np.ones((2, 4)))
    assert [path.name for path in (tmp_path / EXTRACTOR).iterdir()] == [f"{VIDEO}.npy"]


@pytest.mark.parametrize("kept", [0, 5, 100, 300])
def test_a_cut_feature_file_is_named_with_the_remedy(tmp_path: Path, kept: int) -> None:
    write_features(tmp_path, EXTRACTOR, VIDEO, np.ones((50, 40), np.float32))
    path = features_path(tmp_path, EXTRACTOR, VIDEO)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedFile, match="Delete it") as caught:
        read_features(tmp_path, EXTRACTOR, VIDEO)
    assert caught.value.path == path


def test_a_missing_or_foreign_feature_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile):
        read_features(tmp_path, EXTRACTOR, VIDEO)
    path = features_path(tmp_path, EXTRACTOR, VIDEO)
    path.parent.mkdir()
    np.save(path, np.ones(7))
    with pytest.raises(DamagedFile, match="1-d float64"):
        read_features(tmp_path, EXTRACTOR, VIDEO)
