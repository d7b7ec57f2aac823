"""Open the engine that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.engine.base import Engine
from ingest.engine.local import LocalEngine
from ingest.errors import IngestError

if TYPE_CHECKING:
    from ingest.settings import IngestSettings


@contextmanager
def open_engine(settings: IngestSettings, folder: Path, paths: Sequence[Path] = ()) -> Iterator[Engine]:
    """Open the engine of the settings. On a cluster, every machine must see the data folder and the paths.

    Raises IngestError where the settings do not fit, or the cluster cannot be used.
    """
    if settings.engine == "local":
        if settings.address is not None:
            raise IngestError(f"The address {settings.address} is of a Ray cluster: add --engine ray to work on it.")
        with LocalEngine(settings.workers) as local:
            yield local
        return
    from ingest.engine.ray_cluster import RayEngine

    with RayEngine(settings.address, settings.workers) as cluster:
        cluster.require_shared(folder, paths)
        yield cluster
