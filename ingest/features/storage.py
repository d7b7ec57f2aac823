"""Features on disk: a folder an extractor's digest, in it a file for the tracks of a video: old and new never mix."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphdb.files import whole_file, writing
from ingest.errors import DamagedFeatures


def features_name(video: str, segment: str) -> str:
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
    with whole_file(features_path(folder, extractor, name)) as file:
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


def drop_features(folder: Path, video: str) -> None:
    """Forget one video's features, of every extractor and all its segments."""
    for path in folder.glob(f"*/{video}-*.npy"):
        with writing(path):
            path.unlink()
