"""What the routes answer from: one graph, one archive, and what was read from them lately."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from api.errors import GraphTooSlow
from api.sampling import Query, Sample, sample
from api.settings import ServiceSettings
from api.source import Source, read_source
from api.windows import Windows
from graphdb.archive import ArchiveReader
from graphdb.errors import DamagedArchive, NotFound, PatchNotFound
from graphdb.model import PatchDetail, PatchRef, Snapshot
from graphdb.store import GraphStore

READY_SECONDS = 1.5
"""How long a readiness probe waits for the graph."""
ALIVE_FOR = 1.0
"""Seconds until the graph is asked again whether a snapshot that is being read has ended."""
STAMP_EVERY = 60.0
"""Seconds until the graph is told again that a snapshot is being read; pruning looks at that."""


class Service:
    """Opens the graph of a data folder. Safe to share between threads."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.store = GraphStore.connect(settings.folder, timeout=settings.query_seconds)
        self.archive = ArchiveReader(settings.folder.archive)
        self._windows = Windows(settings.cache_bytes, deadline=settings.deadline, readers=settings.readers)
        self._alive: dict[str, float] = {}
        self._stamped: dict[str, float] = {}

    def close(self) -> None:
        self._windows.close()
        self.store.close()
        self.archive.close()

    async def ready(self) -> int:
        """The number of snapshots, once the graph and the archive have shown that they can be read.

        Raises GraphTooSlow after READY_SECONDS, DamagedArchive, and what the graph raises.
        """
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._windows.submit(self._look)), READY_SECONDS)
        except TimeoutError:
            raise GraphTooSlow(READY_SECONDS) from None

    def _look(self) -> int:
        snapshots = self.store.snapshots()
        if snapshots and not any(self.settings.folder.archive.glob("*.tar")):
            raise DamagedArchive(f"There is no shard in {self.settings.folder.archive}.")
        return len(snapshots)

    def snapshots(self) -> list[Snapshot]:
        """What is published, newest first."""
        return self._windows.ask(self.store.snapshots)

    def snapshot(self, id: str) -> Snapshot:
        """One snapshot, or `latest`. Raises SnapshotNotFound, SnapshotGone."""
        return self._windows.ask(self.store.snapshot, id)

    def sample(self, snapshot: str, query: Query) -> Sample:
        """The triplets that stand in the snapshot's order where the query says."""
        return sample(self.store, self._windows, self._source(snapshot), query)

    def images(self, patches: Sequence[PatchRef]) -> list[bytes]:
        """The JPEGs of patches. Raises DamagedArchive."""
        return [self.archive.read(patch.location) for patch in patches]

    def patch(self, id: str) -> PatchDetail:
        """One patch and what is joined to it. Raises PatchNotFound."""
        return self._windows.ask(self.store.patch, id)

    def image(self, id: str) -> bytes:
        """The JPEG of one patch. Raises PatchNotFound, DamagedArchive."""
        locations = self._windows.ask(self.store.pixels, [id])
        if id not in locations:
            raise PatchNotFound(id)
        return self.archive.read(locations[id])

    def _source(self, id: str) -> Source:
        now = time.monotonic()
        if now > self._alive.get(id, 0.0):
            try:
                self.snapshot(id)
            except NotFound:
                self._windows.drop(id)
                raise
            self._alive[id] = now + ALIVE_FOR
        if now > self._stamped.get(id, 0.0):
            self._stamped[id] = now + STAMP_EVERY
            self._windows.tell(self.store.touch_snapshot, id)
        return self._windows.get((id, "source"), lambda: read_source(self.store, id))
