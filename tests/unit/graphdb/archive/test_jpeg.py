from __future__ import annotations

import cv2
import numpy as np
import pytest

from graphdb.archive.jpeg import image_size


def encoded(height: int, width: int, *options: int) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", noise, list(options))[1])


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_image_size_reads_the_frame_header(options: tuple[int, ...]) -> None:
    assert image_size(encoded(96, 130, *options)) == (96, 130)


@pytest.mark.parametrize(
    "jpeg", [b"", b"\xff\xd8\xff\xd9", b"\xff\xd8" + bytes(50) + b"\xff\xd9", encoded(96, 96)[:-1], encoded(96, 96)[1:]]
)
def test_bytes_that_are_no_whole_jpeg_have_no_size(jpeg: bytes) -> None:
    assert image_size(jpeg) is None


def test_wrong_lengths_in_the_header_do_not_loop_forever() -> None:
    assert image_size(b"\xff\xd8\xff\xe0\x00\x00" + b"\xff\xe0\x00\x00" * 20 + b"\xff\xd9") is None
