"""Features on disk: a folder an extractor's digest, in it a file for the tracks of a video: old and new never mix."""

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

from foundation.files import atomic_write, writing
from ingest.errors import DamagedFeatures


def features_file_name(video: str, segment: str) -> str:
    """What the file for a segment of a video's tracks is called; every segment has its own."""
    return f"{video}-{segment}"


def segment_of(path: Path) -> str:
    """The segment that a file holds the features of."""
    return path.stem.rpartition("-")[2]


def features_path(folder: Path, extractor: str, name: str) -> Path:
    return folder / extractor / f"{name}.npy"


def write_features(folder: Path, extractor: str, name: str, rows: NDArray[np.float32]) -> None:
    """Keep one segment's features (N×dims, in start-id order) as fp16; a reader sees all of the file or none.

    Raises CannotWrite.
    """
    # By way of memory: numpy, writing to a file itself, keeps the system's reason for a failure to itself.
    content = io.BytesIO()
    np.save(content, rows.astype(np.float16))
    with atomic_write(features_path(folder, extractor, name)) as file:
        file.write(content.getbuffer())


def read_features(folder: Path, extractor: str, name: str) -> NDArray[np.float32]:
    """One segment's features, N×dims. Raises DamagedFeatures if the file is missing, cut or of another kind."""
    path = features_path(folder, extractor, name)
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedFeatures(path, str(error)) from error
    if rows.ndim != 2 or rows.dtype != np.float16:
        raise DamagedFeatures(path, f"it holds {rows.ndim}-d {rows.dtype}, not rows of float16")
    converted: NDArray[np.float32] = rows.astype(np.float32)
    return converted


def delete_features(folder: Path, video: str) -> None:
    """Forget one video's features, of every extractor and all its segments."""
    for path in folder.glob(f"*/{video}-*.npy"):
        with writing(path):
            path.unlink()


HEAD = 128
"""Bytes before the first row of a file that `write_features` wrote."""


IN_MEMORY = 256 << 20
"""Rows up to so many bytes are kept in memory, more in a file without a name: the system may evict it."""


def read_rows(folder: Path, extractor: str, wanted: Sequence[tuple[str, int]]) -> NDArray[np.float16]:
    """Features by (name of the file, row in it), N×dims in the order asked, as stored.

    Reads nothing but these rows: a video has about as many parents as starts, so that reading whole files, parent by
    parent, would read everything over and over. Fastest where the rows of a video stand side by side. Raises
    DamagedFeatures if a file is missing, cut or of another kind, and CannotWrite.
    """
    rows: NDArray[np.float16] | None = None
    at = 0
    for name, group in groupby(wanted, key=itemgetter(0)):
        path = features_path(folder, extractor, name)
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DamagedFeatures(path, str(error)) from error
        try:
            first, height, dims = layout(os.pread(file, HEAD, 0))
            rows = room(folder, len(wanted), dims) if rows is None else rows
            for _, row in group:
                if row >= height or rows.shape[1] != dims or not _fill(file, first + row * 2 * dims, rows[at]):
                    raise ValueError(f"it has no row {row} of {rows.shape[1]} numbers")
                at += 1
        except (OSError, ValueError) as error:
            raise DamagedFeatures(path, str(error)) from error
        finally:
            os.close(file)
    return np.empty((0, 0), np.float16) if rows is None else rows


def _fill(file: int, offset: int, row: NDArray[np.float16]) -> bool:
    """Read one row; whether it was there."""
    return os.preadv(file, [row.data], offset) == row.nbytes


@lru_cache(maxsize=1024)
def layout(head: bytes) -> tuple[int, int, int]:
    """Where the rows of a file begin, how many there are, and their length. Raises ValueError where it holds others."""
    # All files of videos with as many starts have the same head: it is read often, and parsed a few times.
    file = io.BytesIO(head)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("it is of a version that is not written here")
    shape, by_columns, dtype = npy.read_array_header_1_0(file)
    if len(shape) != 2 or dtype != np.float16 or by_columns:
        raise ValueError(f"it holds {len(shape)}-d {dtype}, not rows of float16")
    return file.tell(), shape[0], shape[1]


def room(folder: Path, count: int, dims: int) -> NDArray[np.float16]:
    """An array to fill; a large one lies in a file of this folder that is gone with the array."""
    if count * dims * 2 <= IN_MEMORY:
        return np.empty((count, dims), np.float16)
    with writing(folder), TemporaryFile(dir=folder) as file:
        # Before it is mapped: a disk that fills up later would end the process instead of raising an error.
        os.posix_fallocate(file.fileno(), 0, count * dims * 2)
        return np.asarray(np.memmap(file, np.float16, "r+", shape=(count, dims)))
