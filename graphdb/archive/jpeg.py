"""As much of a JPEG as tells whether it is one, and how large."""

from __future__ import annotations

START, END = b"\xff\xd8", b"\xff\xd9"
NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
"""Markers between those of frame headers that are none."""


def size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Height and width by the frame header; None where the bytes are not one whole JPEG."""
    if not (jpeg.startswith(START) and jpeg.endswith(END)):
        return None
    at = len(START)
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in NO_SIZE:
            return int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
        at += 2 + length
    return None
