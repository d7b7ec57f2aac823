"""Feature files: one folder for each extractor's digest, in it one file for each segment of a video's tracks.

Every extractor and every segment has its own file, so that old and new features never mix.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from foundation.files import atomic_write, wrap_os_errors
from ingest.errors import DamagedFile

HEADER_BYTES = 128
"""Length of the header of a file that `write_features` wrote."""
MEMORY_LIMIT = 256 << 20
"""Bytes of rows that `read_rows` keeps in memory at most. More rows are mapped from an unnamed file, whose pages the
system can evict."""


def features_file_name(video: str, segment: str) -> str:
    return f"{video}-{segment}"


def segment_of(path: Path) -> str:
    """Return the segment whose features a file holds."""
    return path.stem.rpartition("-")[2]


def features_path(folder: Path, extractor: str, name: str) -> Path:
    return folder / extractor / f"{name}.npy"


def write_features(folder: Path, extractor: str, name: str, rows: NDArray[np.float32]) -> None:
    """Write the features of a segment (N×dims, in the order of start ids) as float16, atomically.

    Raises CannotWrite.
    """
    # By way of memory: where numpy itself writes to a file and fails, the system's reason is lost.
    content = io.BytesIO()
    np.save(content, rows.astype(np.float16))
    with atomic_write(features_path(folder, extractor, name)) as file:
        file.write(content.getbuffer())


def read_features(folder: Path, extractor: str, name: str) -> NDArray[np.float32]:
    """Return the features of a segment, N×dims.

    Raises DamagedFile if the file is missing, truncated or of another kind.
    """
    path = features_path(folder, extractor, name)
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if rows.ndim != 2 or rows.dtype != np.float16:
        raise _damaged(path, f"it holds {rows.ndim}-d {rows.dtype}, not rows of float16")
    converted: NDArray[np.float32] = rows.astype(np.float32)
    return converted


def delete_features(folder: Path, video: str) -> None:
    """Delete the features of a video, for every extractor and segment. Raises CannotWrite."""
    for path in folder.glob(f"*/{video}-*.npy"):
        with wrap_os_errors(path):
            path.unlink()


def read_rows(folder: Path, extractor: str, wanted: Sequence[tuple[str, int]]) -> NDArray[np.float16]:
    """Return single features by (file name, row), N×dims in the order of `wanted`, as stored.

    Reads nothing else. A video has about as many parents as starts, so reading whole files for each parent would read
    all files many times. This is fastest where the rows of a file follow each other in `wanted`.

    Raises DamagedFile if a file is missing, truncated or of another kind, and CannotWrite.
    """
    rows: NDArray[np.float16] | None = None
    at = 0
    for name, group in groupby(wanted, key=itemgetter(0)):
        path = features_path(folder, extractor, name)
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise _damaged(path, str(error)) from error
        try:
            first, height, dims = parse_header(os.pread(file, HEADER_BYTES, 0))
            rows = _allocate(folder, len(wanted), dims) if rows is None else rows
            for _, row in group:
                if row >= height or rows.shape[1] != dims or not _read_into(rows[at], file, first + row * 2 * dims):
                    raise ValueError(f"it has no row {row} of {rows.shape[1]} numbers")
                at += 1
        except (OSError, ValueError) as error:
            raise _damaged(path, str(error)) from error
        finally:
            os.close(file)
    return np.empty((0, 0), np.float16) if rows is None else rows


def _damaged(path: Path, reason: str) -> DamagedFile:
    return DamagedFile("feature file", path, reason, "Delete it; the next ingest makes it again")


def _read_into(row: NDArray[np.float16], file: int, offset: int) -> bool:
    """Read one row; return whether the file holds all of it."""
    return os.preadv(file, [row.data], offset) == row.nbytes


# Files of videos with equally many starts have the same header: it is read often, and parsed a few times.
@lru_cache(maxsize=1024)
def parse_header(header: bytes) -> tuple[int, int, int]:
    """Return the offset of the first row, the number of rows and their length. Raises ValueError for other contents."""
    file = io.BytesIO(header)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("it is of a version that is not written here")
    shape, by_columns, dtype = npy.read_array_header_1_0(file)
    if len(shape) != 2 or dtype != np.float16 or by_columns:
        raise ValueError(f"it holds {len(shape)}-d {dtype}, not rows of float16")
    return file.tell(), shape[0], shape[1]


def _allocate(folder: Path, count: int, dims: int) -> NDArray[np.float16]:
    """Return an array to fill. A large one is mapped from a file of this folder that disappears with the array."""
    if count * dims * 2 <= MEMORY_LIMIT:
        return np.empty((count, dims), np.float16)
    with wrap_os_errors(folder), TemporaryFile(dir=folder) as file:
        # Before it is mapped: if the disk became full later, a mapped write would kill the process without an error.
        os.posix_fallocate(file.fileno(), 0, count * dims * 2)
        return np.asarray(np.memmap(file, np.float16, "r+", shape=(count, dims)))
