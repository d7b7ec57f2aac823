"""ClusterModel: the fitted whitening and centroids, in a file, so that new videos join the same parents.

The graph calls a cluster model a *fit*, and its files lie in the folder `fits`. A file is named by the model's id, a
digest of its content. A model keeps its resolved settings, so every later link of a parent uses the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from foundation.files import atomic_write
from graphdb.model import digest
from ingest.clustering.kmeans import FeatureArray, fit_centroids, resolved_parents, sample
from ingest.clustering.whitening import PCAWhitening, fit_whitening
from ingest.errors import DamagedClusterModel
from ingest.settings import ClusterSettings


@dataclass(frozen=True, eq=False)
class ClusterModel:
    """`centroids` K×W of unit length; `extractor` and `inputs` are digests; `backend` is, say, `faiss 1.15.1 cpu`."""

    centroids: NDArray[np.float32]
    settings: ClusterSettings
    extractor: str
    inputs: str
    backend: str
    whitening: PCAWhitening | None = None
    """Takes features of D dimensions to the W that are compared; None: features are compared as they are."""

    @cached_property
    def id(self) -> str:
        """16 hex digits over the inputs and the result."""
        # Cached: the digest of a thousand centroids takes a tenth of a second, and the task of every parent needs it.
        values = digest(np.ascontiguousarray(self.centroids, "<f4").tobytes().hex())
        whitening = [self.whitening.digest] if self.whitening else []
        return digest("fit", self.extractor, self.settings.digest, self.inputs, values, *whitening)

    def transform(self, features: FeatureArray) -> FeatureArray:
        """Turn features N×D into what clustering compares, N×W. The result of a row does not depend on other rows."""
        return self.whitening(features) if self.whitening else features


def sample_starts(count: int, settings: ClusterSettings) -> NDArray[np.int64]:
    """Choose which of `count` starts a model is fitted to, ascending: at most `settings.points` for each parent."""
    return sample(np.arange(count), settings.points * resolved_parents(settings), settings.seed)


def fit_cluster_model(
    ids: Sequence[str], features: FeatureArray, extractor: str, settings: ClusterSettings
) -> ClusterModel:
    """Fit whitening and centroids for the starts `ids` (ascending) to the `features` N×D of a sample of them.

    Raises IngestError where no feature is usable.
    """
    import faiss

    whitening = fit_whitening(features, settings.whiten) if settings.whiten else None
    if whitening and not whitening.dims:
        # One start, or several equal ones, vary along no axis. They are compared as they are.
        whitening = None
    return ClusterModel(
        centroids=fit_centroids(whitening(features) if whitening else features, settings),
        settings=settings,
        extractor=extractor,
        inputs=digest("starts", *ids),
        backend=f"faiss {faiss.__version__} {'gpu' if faiss.get_num_gpus() > 0 else 'cpu'}",
        whitening=whitening,
    )


def model_path(folder: Path, id: str) -> Path:
    return folder / f"{id}.npz"


def save_model(folder: Path, model: ClusterModel) -> Path:
    """Write the model under its id, all of the file or nothing. Raises CannotWrite."""
    path = model_path(folder, model.id)
    about = {name: getattr(model, name) for name in ("extractor", "inputs", "backend")}
    about["settings"] = asdict(model.settings)
    whitening = model.whitening or PCAWhitening(np.empty(0, np.float32), np.empty((0, 0), np.float32))
    content = {"about": np.asarray(json.dumps(about)), "mean": whitening.mean, "matrix": whitening.matrix}
    with atomic_write(path) as file:
        np.savez(file, centroids=model.centroids, allow_pickle=False, **content)
    return path


def load_model(folder: Path, id: str) -> ClusterModel:
    """Read a model. Raises DamagedClusterModel where the file is missing, unreadable or not the content of this id."""
    path = model_path(folder, id)
    try:
        # Opened here, because numpy does not close a file that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            whitening = PCAWhitening(stored["mean"], stored["matrix"]) if stored["matrix"].size else None
            model = _from_stored(stored["centroids"], whitening, json.loads(str(stored["about"])))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise DamagedClusterModel(path, str(error)) from error
    if model.id != id:
        raise DamagedClusterModel(path, f"its content has the id {model.id}")
    return model


def _from_stored(centroids: NDArray[np.float32], whitening: PCAWhitening | None, about: dict[str, Any]) -> ClusterModel:
    settings = ClusterSettings(**about["settings"])
    return ClusterModel(centroids=centroids, whitening=whitening, **{**about, "settings": settings})


@lru_cache(maxsize=1)
def cached_model(folder: Path, id: str) -> ClusterModel:
    """`load_model`, cached for the next task of a worker: the model of an id never changes."""
    return load_model(folder, id)


def current_model(folder: Path, key: str) -> ClusterModel | None:
    """Read the model in use under `key`, a digest of extractor and settings; None where none was fitted yet."""
    pointer = _pointer(folder, key)
    return load_model(folder, pointer.read_text(errors="replace").strip()) if pointer.exists() else None


def set_current_model(folder: Path, key: str, model: ClusterModel) -> None:
    """Use a saved model for new videos from now on."""
    with atomic_write(_pointer(folder, key)) as file:
        file.write(f"{model.id}\n".encode())


def _pointer(folder: Path, key: str) -> Path:
    return folder / f"{key}.current"
