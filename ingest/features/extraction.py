"""Compute the features of stored crops, some videos a task, so that processes share the work and it can be resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphdb.archive.reader import ArchiveReader
from graphdb.model import Location
from ingest.errors import IngestError
from ingest.features.factory import cached_extractor
from ingest.features.storage import write_features
from ingest.settings import ExtractorSpec
from ingest.video.crops import decode_jpeg

STARTS_PER_TASK = 128
"""Approximate number of starts in a task: a few batches of a network, and little work to lose."""


@dataclass(frozen=True, slots=True)
class ExtractionTask:
    """The starts of some videos, in id order."""

    files: dict[str, list[Location]]
    """The starts' locations in the archive, by the name of the feature file to write."""
    archive: Path
    features: Path
    extractor: ExtractorSpec
    """The worker loads the extractor itself."""
    digest: str
    """The digest that the worker's extractor must have."""


def portions(files: Mapping[str, list[str]]) -> Iterator[dict[str, list[str]]]:
    """Divide feature files, each with the ids of its starts, into portions of about STARTS_PER_TASK starts."""
    portion: dict[str, list[str]] = {}
    for name, ids in files.items():
        portion[name] = ids
        if sum(map(len, portion.values())) >= STARTS_PER_TASK:
            yield portion
            portion = {}
    if portion:
        yield portion


def extract_features(task: ExtractionTask) -> None:
    """Write the feature files of a task.

    Raises DamagedArchive, and IngestError where the extractor is not the one of the command that gave the task.
    """
    extractor = cached_extractor(task.extractor)
    if extractor.digest != task.digest:
        raise IngestError(
            f"A worker computes other {extractor.name} features than this command: its libraries, its device or its "
            "file of weights differ. Install the same versions on every machine, do not change the file while it is "
            "in use, and run the same command again."
        )
    reader = ArchiveReader(task.archive)
    crops = [decode_jpeg(reader.read(location)) for locations in task.files.values() for location in locations]
    reader.close()
    rows = extractor(np.stack(crops))
    for name, features in zip(task.files, _split(rows, map(len, task.files.values())), strict=True):
        write_features(task.features, extractor.digest, name, features)


def _split(rows: NDArray[np.float32], lengths: Iterable[int]) -> list[NDArray[np.float32]]:
    return np.split(rows, np.cumsum(list(lengths))[:-1])
