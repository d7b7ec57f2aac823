"""Context: what the stages of one run share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from foundation.data_folder import DataFolder
from graphdb.archive.writer import ArchiveWriter
from graphdb.connect import connect
from graphdb.store.deletion import RemovalStore
from ingest.engine.base import Engine
from ingest.reporting.report import Report


@dataclass(frozen=True)
class Context:
    """The graph, the data folder with its archive, the engine that runs tasks, and the report to the user."""

    store: RemovalStore
    folder: DataFolder
    archive: ArchiveWriter
    engine: Engine
    report: Report

    def with_timeout(self, seconds: float) -> Context:
        """Return the same context with another deadline for the queries of the graph."""
        return replace(self, store=self.store.with_timeout(seconds))


@contextmanager
def open_context(
    folder: DataFolder, engine: AbstractContextManager[Engine], report: Report, *, timeout: float = 60.0
) -> Iterator[Context]:
    """Connect to the graph and lock the archive, so that this process is its only writer; then start the engine.

    `timeout` is the deadline of a query, in seconds. Raises ArchiveLocked, and what `connect` and the engine raise.
    """
    with (
        connect(folder, RemovalStore, timeout=timeout) as store,
        ArchiveWriter(folder.archive, store.shards) as archive,
    ):
        store.sweep_snapshots()
        with engine as running:
            yield Context(store, folder, archive, running, report)
