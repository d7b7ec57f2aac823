from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ingest.features.base import normalize
from ingest.features.hog import HogExtractor
from tests.unit.trainer.toy_service import draw_patch
from trainer.data.images import decode_image, read_square
from trainer.errors import DataError
from trainer.evaluation.features import hog_features, pixel_features, trunk_features
from trainer.models.trunk import Trunk

IMAGES = np.stack([decode_image(draw_patch(group, 0, 0, 0), "patch") for group in (0, 1, 2)])


def test_trunk_features_are_the_flattened_map() -> None:
    trunk = Trunk("resnet18").eval()

    features_ND = trunk_features(trunk, IMAGES)

    expected = trunk(torch.from_numpy(IMAGES).permute(0, 3, 1, 2)).flatten(1).detach()
    assert features_ND.shape == (3, 4608)
    np.testing.assert_allclose(features_ND, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_computing_features_does_not_change_the_trunk() -> None:
    trunk = Trunk("resnet18")
    before = {name: tensor.clone() for name, tensor in trunk.state_dict().items()}

    trunk_features(trunk, IMAGES)

    assert all(torch.equal(tensor, before[name]) for name, tensor in trunk.state_dict().items())


def test_hog_has_4356_values_and_ignores_contrast() -> None:
    half = IMAGES // 2

    assert hog_features(IMAGES).shape == (3, 4356)
    np.testing.assert_allclose(hog_features(half), hog_features(half * 2), atol=0.01)


def test_hog_is_the_feature_of_mining() -> None:
    np.testing.assert_array_equal(normalize(hog_features(IMAGES)), HogExtractor()(IMAGES))


def test_pixel_features_are_the_raw_values() -> None:
    assert np.array_equal(pixel_features(IMAGES)[1], IMAGES[1].ravel())


def test_read_square_cuts_the_middle_square(tmp_path: Path) -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = (10, 20, 30)  # BGR, as OpenCV writes
    cv2.imwrite(str(tmp_path / "wide.png"), wide)

    square = read_square(tmp_path / "wide.png", 32)

    assert square.shape == (32, 32, 3)
    assert np.all(square == (30, 20, 10))


def test_a_file_that_is_no_image_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")

    with pytest.raises(DataError, match=r"empty\.jpg"):
        read_square(tmp_path / "empty.jpg", 32)
