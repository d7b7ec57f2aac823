"""Read the size of a JPEG from its header, without decoding it."""

from __future__ import annotations

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
"""Markers in the range of frame headers that are no frame headers."""


def image_size(jpeg: bytes) -> tuple[int, int] | None:
    """Return height and width from the frame header; None if the bytes are not one whole JPEG."""
    if not (jpeg.startswith(JPEG_START) and jpeg.endswith(JPEG_END)):
        return None
    at = len(JPEG_START)
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in NO_SIZE:
            return int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
        at += 2 + length
    return None
