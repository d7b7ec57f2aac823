"""Signatures of frames: which frames are similar, and how signatures are stored."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from ingest.errors import DamagedFile
from ingest.settings import ClusterSettings
from ingest.video.signatures import frame_signature, read_signatures, save_signatures, signatures_path, similarity

MIN_SIMILARITY = ClusterSettings().copy_similarity


def picture(name: str) -> NDArray[np.uint8]:
    return np.asarray(getattr(data, name)(), np.uint8)


PERSON, CUP = picture("astronaut"), picture("coffee")


def test_a_darker_cropped_and_compressed_frame_is_similar() -> None:
    height, width = PERSON.shape[:2]
    part = PERSON[: round(0.92 * height), round(0.08 * width) :]
    _, jpeg = cv2.imencode(".jpg", (part * 0.8).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 30])
    copy = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    assert similarity(frame_signature(PERSON), frame_signature(copy)) > MIN_SIMILARITY
    assert similarity(frame_signature(copy), frame_signature(PERSON)) == similarity(
        frame_signature(PERSON), frame_signature(copy)
    )


def test_another_frame_and_a_blank_frame_are_not_similar() -> None:
    assert similarity(frame_signature(PERSON), frame_signature(CUP)) < MIN_SIMILARITY
    black = frame_signature(np.zeros_like(PERSON))
    assert similarity(black, black) == 0
    framed = black.copy()
    framed[0], framed[-1] = 255, 255
    assert similarity(framed, framed) < MIN_SIMILARITY


def test_signatures_are_added_and_read_by_frame_number(tmp_path: Path) -> None:
    save_signatures(tmp_path, "v", {30: frame_signature(PERSON)})
    save_signatures(tmp_path, "v", {5: frame_signature(CUP)})
    kept = read_signatures(tmp_path, "v")
    assert list(kept) == [5, 30]
    assert (kept[30] == frame_signature(PERSON)).all()
    assert read_signatures(tmp_path, "another") == {}


def test_a_damaged_file_of_signatures_is_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    signatures_path(tmp_path, "v").write_bytes(b"cut")
    with pytest.raises(DamagedFile, match=r"v\.npy is unusable.*Delete it"):
        read_signatures(tmp_path, "v")
