"""Extractors by name, and the length of their rows."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.errors import UnknownExtractor
from ingest.features.base import normalize
from ingest.features.factory import load_extractor
from ingest.settings import ExtractorSpec


def test_an_unknown_extractor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownExtractor, match="hog") as caught:
        load_extractor(ExtractorSpec(features="sift"))
    assert caught.value.name == "sift"


def test_normalize_leaves_rows_of_zeros_alone() -> None:
    rows = normalize(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0, 0]]), rtol=1e-6)
