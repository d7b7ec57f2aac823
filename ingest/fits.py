"""Centroid fits: what k-means found, kept so that new videos join the same parents.

A fit is one file named by its content. Its settings are the resolved ones, so that every later link of a parent
uses the numbers that the fit was made with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from graphdb.files import whole_file
from graphdb.model import digest
from ingest.clustering import fit_centroids
from ingest.errors import DamagedFit
from ingest.settings import ClusterSettings


@dataclass(frozen=True, eq=False)
class Fit:
    """`centroids` K×D of unit length; `extractor` and `inputs` are digests; `backend` is, say, `faiss 1.15.1 cpu`."""

    centroids: NDArray[np.float32]
    settings: ClusterSettings
    extractor: str
    inputs: str
    backend: str

    @property
    def id(self) -> str:
        """16 hex digits over what went in and what came out."""
        values = digest(np.ascontiguousarray(self.centroids, "<f4").tobytes().hex())
        return digest("fit", self.extractor, self.settings.digest, self.inputs, values)


def make_fit(ids: Sequence[str], features: NDArray[np.float32], extractor: str, settings: ClusterSettings) -> Fit:
    """Fit centroids to the starts `ids` (ascending) with `features` N×D. Raises NothingToCluster."""
    import faiss

    return Fit(
        centroids=fit_centroids(features, settings),
        settings=settings,
        extractor=extractor,
        inputs=digest("starts", *ids),
        backend=f"faiss {faiss.__version__} {'gpu' if faiss.get_num_gpus() > 0 else 'cpu'}",
    )


def fit_path(folder: Path, id: str) -> Path:
    return folder / f"{id}.npz"


def save_fit(folder: Path, fit: Fit) -> Path:
    """Write the fit under its id; a reader sees all of the file or none. Raises CannotWrite."""
    path = fit_path(folder, fit.id)
    about = {"extractor": fit.extractor, "inputs": fit.inputs, "backend": fit.backend, "settings": asdict(fit.settings)}
    with whole_file(path) as file:
        np.savez(file, centroids=fit.centroids, about=np.asarray(json.dumps(about)))
    return path


def load_fit(folder: Path, id: str) -> Fit:
    """Read a fit. Raises DamagedFit if the file is missing, unreadable or does not hold what its name says."""
    path = fit_path(folder, id)
    try:
        # Opened here: numpy leaves a file that it cannot read open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            fit = _fit(stored["centroids"], json.loads(str(stored["about"])))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise DamagedFit(path, str(error)) from error
    if fit.id != id:
        raise DamagedFit(path, f"its content has the id {fit.id}")
    return fit


@lru_cache(maxsize=1)
def cached_fit(folder: Path, id: str) -> Fit:
    """`load_fit`, kept for the next task of a worker: a fit never changes under its id."""
    return load_fit(folder, id)


def _fit(centroids: NDArray[np.float32], about: dict[str, Any]) -> Fit:
    return Fit(centroids=centroids, **{**about, "settings": ClusterSettings(**about["settings"])})


def current_fit(folder: Path, key: str) -> Fit | None:
    """The fit in force under `key`, which stands for what was asked for; None where nothing was fitted yet."""
    pointer = _pointer(folder, key)
    return load_fit(folder, pointer.read_text(errors="replace").strip()) if pointer.exists() else None


def set_current_fit(folder: Path, key: str, fit: Fit) -> None:
    """Put a saved fit in force."""
    with whole_file(_pointer(folder, key)) as file:
        file.write(f"{fit.id}\n".encode())


def _pointer(folder: Path, key: str) -> Path:
    return folder / f"{key}.current"
