"""Crops and frames in tar shards: one writer, many readers.

A shard is an ordinary tar that `tar` and WebDataset read. The graph holds each shard's committed `end`; bytes past it
belong to an ingest that died before its commit, and the next writer cuts them off. Readers never touch them.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from foundation.files import writing
from graphdb.errors import DamagedArchive

SHARD_BYTES = 256 * 2**20
SHARDS = f"{'[0-9]' * 6}.tar"
"""The names of our shards: a tar that somebody else put beside them is not ours to cut."""
TRAILER = bytes(2 * tarfile.BLOCKSIZE)
JPEG_START = b"\xff\xd8"


def shard_name(number: int) -> str:
    return f"{number:06d}"


def shard_path(folder: Path, shard: str) -> Path:
    return folder / f"{shard}.tar"


def shard_files(folder: Path) -> list[Path]:
    """The shards of an archive, committed or not, in order."""
    return sorted(folder.glob(SHARDS))


def refuse_damage(folder: Path, ends: Mapping[str, int]) -> None:
    """Raises DamagedArchive where a shard is shorter than the graph says."""
    for shard, end in ends.items():
        if (size := shard_size(folder, shard)) < end:
            raise DamagedArchive(
                f"The graph counts on {end} bytes in {shard_path(folder, shard)}, which has {size}. "
                "Restore the archive folder from the backup that belongs to this graph."
            )


def shard_size(folder: Path, shard: str) -> int:
    """Bytes in a shard; 0 where it is missing."""
    path = shard_path(folder, shard)
    return path.stat().st_size if path.exists() else 0


def uncommitted(folder: Path, ends: Mapping[str, int]) -> dict[Path, int]:
    """The files that a dead writer left longer than it committed them, and what of each is to stay, in bytes.

    A full shard ends in a trailer, which the graph does not count; of a shard that the graph never heard of,
    nothing stays.
    """
    newest = max(ends, key=int, default="")
    kept = {shard: end if shard == newest else end + len(TRAILER) for shard, end in ends.items()}
    sizes = {path: path.stat().st_size for path in shard_files(folder)}
    return {path: kept.get(path.stem, 0) for path, size in sizes.items() if size > kept.get(path.stem, 0)}


def cut_uncommitted(folder: Path, ends: Mapping[str, int]) -> None:
    """Bring the archive to what the graph has committed. Only the writer may."""
    for path, size in uncommitted(folder, ends).items():
        with writing(path):
            if size:
                os.truncate(path, size)
            else:
                path.unlink()


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
