"""Fits: what whitening and k-means found, kept so that new videos are compared alike and join the same parents.

A fit is one file named by its content. Its settings are the resolved ones, so that every later link of a parent
uses the numbers that the fit was made with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from foundation.files import atomic_write
from foundation.settings import from_stored, to_stored
from graphdb.model import digest
from ingest.clustering.kmeans import Stored, fit_centroids
from ingest.clustering.whitening import PCAWhitening, fit_projection
from ingest.errors import DamagedFit
from ingest.settings import ClusterSettings


@dataclass(frozen=True, eq=False)
class ClusterModel:
    """`centroids` K×W of unit length; `extractor` and `inputs` are digests; `backend` is, say, `faiss 1.15.1 cpu`."""

    centroids: NDArray[np.float32]
    settings: ClusterSettings
    extractor: str
    inputs: str
    backend: str
    projection: PCAWhitening | None = None
    """What takes features D to the W dimensions that are compared; None: features are compared as they are."""

    @cached_property
    def id(self) -> str:
        """16 hex digits over what went in and what came out."""
        # Kept: a thousand centroids take a tenth of a second, and every parent's task asks.
        values = digest(np.ascontiguousarray(self.centroids, "<f4").tobytes().hex())
        projected = [self.projection.digest] if self.projection else []
        return digest("fit", self.extractor, self.settings.digest, self.inputs, values, *projected)

    def compared(self, features: Stored) -> Stored:
        """Features N×D as clustering compares them, N×W. A row's answer does not depend on the other rows."""
        return self.projection(features) if self.projection else features


def sample(count: int, settings: ClusterSettings) -> NDArray[np.int64]:
    """Which of `count` starts a fit is made from, ascending: a seeded choice of at most
    `max_points_per_centroid` for each parent."""
    if settings.parents is None:
        raise ValueError("settings.parents is None: resolve it with ingest.scaling.scaled first")
    most = settings.max_points_per_centroid * settings.parents
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(settings.seed).choice(count, most, replace=False))


def make_fit(ids: Sequence[str], features: Stored, extractor: str, settings: ClusterSettings) -> ClusterModel:
    """Fit projection and centroids for the starts `ids` (ascending), to the `features` N×D of a sample of them.

    Raises NothingToCluster.
    """
    import faiss

    projection = fit_projection(features, settings.whiten) if settings.whiten else None
    if projection and not projection.dims:
        # One start, or several that are equal: they vary along no axis, and are compared as they are.
        projection = None
    compared = projection(features) if projection else features
    return ClusterModel(
        centroids=fit_centroids(compared, settings),
        settings=settings,
        extractor=extractor,
        inputs=digest("starts", *ids),
        backend=f"faiss {faiss.__version__} {'gpu' if faiss.get_num_gpus() > 0 else 'cpu'}",
        projection=projection,
    )


def fit_path(folder: Path, id: str) -> Path:
    return folder / f"{id}.npz"


def save_fit(folder: Path, fit: ClusterModel) -> Path:
    """Write the fit under its id; a reader sees all of the file or none. Raises CannotWrite."""
    path = fit_path(folder, fit.id)
    about = {
        "extractor": fit.extractor,
        "inputs": fit.inputs,
        "backend": fit.backend,
        "settings": to_stored(fit.settings),
    }
    projection = fit.projection or PCAWhitening(np.empty(0, np.float32), np.empty((0, 0), np.float32))
    content = {"about": np.asarray(json.dumps(about)), "mean": projection.mean, "matrix": projection.matrix}
    with atomic_write(path) as file:
        np.savez(file, centroids=fit.centroids, allow_pickle=False, **content)
    return path


def load_fit(folder: Path, id: str) -> ClusterModel:
    """Read a fit. Raises DamagedFit if the file is missing, unreadable or does not hold what its name says."""
    path = fit_path(folder, id)
    try:
        # Opened here: numpy leaves a file that it cannot read open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            projection = PCAWhitening(stored["mean"], stored["matrix"]) if stored["matrix"].size else None
            fit = _fit(stored["centroids"], projection, json.loads(str(stored["about"])))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise DamagedFit(path, str(error)) from error
    if fit.id != id:
        raise DamagedFit(path, f"its content has the id {fit.id}")
    return fit


@lru_cache(maxsize=1)
def cached_fit(folder: Path, id: str) -> ClusterModel:
    """`load_fit`, kept for the next task of a worker: a fit never changes under its id."""
    return load_fit(folder, id)


def _fit(centroids: NDArray[np.float32], projection: PCAWhitening | None, about: dict[str, Any]) -> ClusterModel:
    settings = from_stored(ClusterSettings, about["settings"])
    return ClusterModel(centroids=centroids, projection=projection, **{**about, "settings": settings})


def current_fit(folder: Path, key: str) -> ClusterModel | None:
    """The fit in force under `key`, which stands for what was asked for; None where nothing was fitted yet."""
    pointer = _pointer(folder, key)
    return load_fit(folder, pointer.read_text(errors="replace").strip()) if pointer.exists() else None


def set_current_fit(folder: Path, key: str, fit: ClusterModel) -> None:
    """Put a saved fit in force."""
    with atomic_write(_pointer(folder, key)) as file:
        file.write(f"{fit.id}\n".encode())


def _pointer(folder: Path, key: str) -> Path:
    return folder / f"{key}.current"
