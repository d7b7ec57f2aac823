"""TODO."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from graphdb.archive.jpeg import size_of

BLOCK = tarfile.BLOCKSIZE


BEYOND = "some lie beyond the committed end"


def fault(file: BinaryIO, row: Mapping[str, Any], square: bool) -> str | None:
    """What is wrong with an image in an open shard, in words; None where all is well."""
    offset, size, end = row["offset"], row["size"], row["end"]
    if end is None or offset + size > end:
        return BEYOND + " of {shard}"
    if offset < BLOCK or offset % BLOCK:
        return "some lie in {shard} where no image can begin"
    try:
        data = os.pread(file.fileno(), BLOCK + size, offset - BLOCK)
    except OSError as error:
        return f"some of {{shard}} cannot be read ({error.strerror})"
    if len(data) < BLOCK + size:
        return "{shard} is shorter than the graph says"
    try:
        header = tarfile.TarInfo.frombuf(data[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return "some have no tar header in {shard}"
    if (header.name, header.size) != (f"{row['id']}.jpg", size):
        return "some places in {shard} hold another image"
    shape = size_of(data[BLOCK:])
    if shape is None or (square and shape[0] != shape[1]):
        return "some bytes in {shard} are no such JPEG"
    return None
