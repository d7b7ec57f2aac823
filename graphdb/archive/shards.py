"""The archive: images of patches and frames in tar files (shards), with one writer and many readers.

A shard is an ordinary tar file, which `tar` and WebDataset can read. The graph holds the committed `end` of each shard.
Bytes after it were written by an ingest that died before its commit: readers never read them, and the next writer cuts
them off.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from foundation.files import wrap_os_errors
from graphdb.errors import DamagedArchive

SHARD_BYTES = 256 * 2**20
SHARDS = f"{'[0-9]' * 6}.tar"
"""The pattern of the names of shards. Other tar files in the folder belong to the user, and are never changed."""
TRAILER = bytes(2 * tarfile.BLOCKSIZE)
"""Ends a tar file. Only a full shard has one."""


def shard_name(number: int) -> str:
    return f"{number:06d}"


def shard_path(folder: Path, shard: str) -> Path:
    return folder / f"{shard}.tar"


def shard_files(folder: Path) -> list[Path]:
    """Return the shards of an archive in order, committed or not."""
    return sorted(folder.glob(SHARDS))


def require_committed(folder: Path, ends: Mapping[str, int]) -> None:
    """Raise DamagedArchive if a shard is shorter than its committed end."""
    for shard, end in ends.items():
        if (size := shard_size(folder, shard)) < end:
            raise DamagedArchive(
                f"The graph needs {end} bytes of {shard_path(folder, shard)}, which has {size}. "
                "Restore the archive folder from the backup that belongs to this graph."
            )


def shard_size(folder: Path, shard: str) -> int:
    """Return the size of a shard in bytes; 0 if it is missing."""
    path = shard_path(folder, shard)
    return path.stat().st_size if path.exists() else 0


def uncommitted(folder: Path, ends: Mapping[str, int]) -> dict[Path, int]:
    """Return the shard files that are longer than what was committed, and how many bytes of each to keep.

    A full shard may have a trailer after its committed end. Of a shard that the graph does not know, nothing is kept.
    """
    newest = max(ends, key=int, default="")
    kept = {shard: end if shard == newest else end + len(TRAILER) for shard, end in ends.items()}
    sizes = {path: path.stat().st_size for path in shard_files(folder)}
    return {path: kept.get(path.stem, 0) for path, size in sizes.items() if size > kept.get(path.stem, 0)}


def truncate_uncommitted(folder: Path, ends: Mapping[str, int]) -> None:
    """Cut off what was not committed. Only the writer may call this. Raises CannotWrite."""
    for path, size in uncommitted(folder, ends).items():
        with wrap_os_errors(path):
            if size:
                os.truncate(path, size)
            else:
                path.unlink()
