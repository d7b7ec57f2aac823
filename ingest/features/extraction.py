"""Features of stored crops: some videos a task, so that the work spreads over processes and resumes by video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphdb.archive.reader import ArchiveReader
from graphdb.model import Location
from ingest.errors import OtherExtractor
from ingest.features.factory import cached_extractor
from ingest.features.storage import write_features
from ingest.settings import ExtractorSpec
from ingest.video.crops import decode

TOGETHER = 128
"""Starts a task, or a few more: some batches of a network, and not much to lose."""


@dataclass(frozen=True, slots=True)
class ExtractionTask:
    """The starts of some videos, in id order, as locations in the archive; by the name of the file to write."""

    files: dict[str, list[Location]]
    archive: Path
    features: Path
    extractor: ExtractorSpec
    """How the extractor is asked for: the worker loads its own."""
    digest: str
    """What the extractor is to be."""


def together(files: Mapping[str, list[str]]) -> Iterator[dict[str, list[str]]]:
    """Files to write with their starts, in portions of about TOGETHER starts."""
    portion: dict[str, list[str]] = {}
    for name, ids in files.items():
        portion[name] = ids
        if sum(map(len, portion.values())) >= TOGETHER:
            yield portion
            portion = {}
    if portion:
        yield portion


def extract_features(task: ExtractionTask) -> None:
    """Write the features of the starts, a file a video. Raises DamagedArchive, OtherExtractor."""
    extractor = cached_extractor(task.extractor)
    if extractor.digest != task.digest:
        raise OtherExtractor(extractor.name)
    reader = ArchiveReader(task.archive)
    crops = np.stack([decode(reader.read(location)) for of_file in task.files.values() for location in of_file])
    reader.close()
    rows = extractor(crops)
    for name, of_file in zip(task.files, split(rows, map(len, task.files.values())), strict=True):
        write_features(task.features, extractor.digest, name, of_file)


def split(rows: NDArray[np.float32], counts: Iterable[int]) -> list[NDArray[np.float32]]:
    return np.split(rows, np.cumsum(list(counts))[:-1])
