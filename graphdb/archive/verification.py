"""Check that an image is in the archive where the graph says, under its id."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from graphdb.archive.jpeg import image_size

BEYOND_END = "some lie beyond the committed end"
"""Starts the description of an image that was not committed."""


def describe_damage(file: BinaryIO, row: Mapping[str, Any], square: bool) -> str | None:
    """Say what is wrong with one image of an open shard; None if it is as the graph says.

    `row` holds id, offset and size of the image, and the committed end of the shard. `square`: the image must be
    square. The description holds the placeholder {shard}.
    """
    offset, size, end = row["offset"], row["size"], row["end"]
    if end is None or offset + size > end:
        return BEYOND_END + " of {shard}"
    if offset < tarfile.BLOCKSIZE or offset % tarfile.BLOCKSIZE:
        return "some lie in {shard} where no image can begin"
    try:
        data = os.pread(file.fileno(), tarfile.BLOCKSIZE + size, offset - tarfile.BLOCKSIZE)
    except OSError as error:
        return f"some of {{shard}} cannot be read ({error.strerror})"
    if len(data) < tarfile.BLOCKSIZE + size:
        return "{shard} is shorter than the graph says"
    return _describe_content(data, row, square)


def _describe_content(data: bytes, row: Mapping[str, Any], square: bool) -> str | None:
    """Compare a tar header and the image after it with what the graph says."""
    try:
        header = tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return "some have no tar header in {shard}"
    if (header.name, header.size) != (f"{row['id']}.jpg", row["size"]):
        return "some places in {shard} hold another image"
    shape = image_size(data[tarfile.BLOCKSIZE :])
    if shape is None or (square and shape[0] != shape[1]):
        return "some bytes in {shard} are no such JPEG"
    return None
