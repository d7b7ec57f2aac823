"""Starts to parents: blocks of videos as tasks, so that the work spreads over processes (Sec. 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.clustering.kmeans import assign
from ingest.features import read_features
from ingest.clustering.cluster_model import cached_fit

BLOCK = 64
"""Videos a task: enough to make the trip to a worker worth it, few enough to keep its answer small."""


@dataclass(frozen=True, slots=True)
class PlaceTask:
    """Files of features by name, one a video, and the fit to place their starts under."""

    names: tuple[str, ...]
    fit: str
    fits: Path
    features: Path
    extractor: str


def place_tasks(names: Sequence[str], fit: str, fits: Path, features: Path, extractor: str) -> Iterator[PlaceTask]:
    for i in range(0, len(names), BLOCK):
        yield PlaceTask(tuple(names[i : i + BLOCK]), fit, fits, features, extractor)


def place(task: PlaceTask) -> list[list[int]]:
    """Of each file, the parent number of every start in id order; UNCLUSTERED for one that cannot be compared.

    Raises DamagedFit, DamagedFeatures.
    """
    fit = cached_fit(task.fits, task.fit)
    files = (read_features(task.features, task.extractor, name) for name in task.names)
    return [assign(fit.compared(rows), fit.centroids).tolist() for rows in files]
