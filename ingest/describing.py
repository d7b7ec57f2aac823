"""Features of stored crops: one task a video, so that the work spreads over processes and resumes by video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphdb.archive import ArchiveReader
from graphdb.model import Location
from ingest.features import load_extractor, write_features


@dataclass(frozen=True, slots=True)
class DescribeTask:
    """The starts of one video, in id order, as locations in the archive."""

    video: str
    locations: list[Location]
    archive: Path
    features: Path
    extractor: str
    """The extractor's name: the worker loads its own."""


def describe_video(task: DescribeTask) -> int:
    """Write the features of one video's starts; how many there are. Raises DamagedArchive."""
    extractor = load_extractor(task.extractor)
    reader = ArchiveReader(task.archive)
    crops = np.stack([decode(reader.read(location)) for location in task.locations])
    write_features(task.features, extractor.digest, task.video, extractor(crops))
    reader.close()
    return len(crops)


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    """A JPEG as H×W×3 RGB."""
    import cv2

    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(image, np.uint8)
