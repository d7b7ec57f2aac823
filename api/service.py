"""What the routes answer from: one graph, one archive, and what was read from them lately."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from api.errors import ImagesMoving, RowsMissing
from api.sampling.cache import GraphCache
from api.sampling.executor import DaemonExecutor
from api.sampling.frames import FrameQuery, FrameSample, sample_frames
from api.sampling.snapshot_index import SnapshotIndex, read_source
from api.sampling.triplets import Query, Sample, sample
from api.settings import ServiceSettings
from graphdb.archive.reader import ArchiveReader
from graphdb.archive.shards import shard_files
from graphdb.connect import connect, open_store
from graphdb.errors import DamagedArchive, NotFound, PatchNotFound, ShardGone
from graphdb.model import Location, PatchDetail, Snapshot
from graphdb.store.graph import GraphStore

Said = TypeVar("Said")
Images = TypeVar("Images")

READY_SECONDS = 1.5
"""How long a readiness probe waits for the graph."""
HANG_FACTOR = 2.0
"""Deadlines that a call on the graph may last; nobody waits for it any more by then."""
ALIVE_FOR = 1.0
"""Seconds until the graph is asked again whether a snapshot that is being read has ended."""
AGAIN_AFTER = 0.05
"""Seconds until images are looked for again that were moved before they could be read."""
STAMP_EVERY = 60.0
"""Seconds until the graph is told again that a snapshot is being read; pruning looks at that."""


class Service:
    """Opens the graph of a data folder. Belongs to one event loop."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.store = connect(settings.folder, GraphStore, timeout=settings.query_seconds)
        self.archive = ArchiveReader(settings.folder.archive)
        lost_after = HANG_FACTOR * settings.deadline
        readers = DaemonExecutor(settings.readers, lost_after=lost_after, reconnect=self.store.reconnect)
        self._windows = GraphCache(settings.cache_bytes, deadline=settings.deadline, readers=readers)
        # A connection and a thread of its own: whoever asks for readiness waits behind nobody's triplets.
        self._probe_store = open_store(settings.folder, GraphStore, timeout=READY_SECONDS)
        probe = DaemonExecutor(1, lost_after=READY_SECONDS, reconnect=self._probe_store.reconnect)
        self._probe = GraphCache(0, deadline=READY_SECONDS, readers=probe)
        self._alive: dict[str, float] = {}
        self._stamped: dict[str, float] = {}

    def close(self) -> None:
        self._windows.close()
        self._probe.close()
        self.store.close()
        self._probe_store.close()
        self.archive.close()

    async def ready(self) -> int:
        """The number of snapshots, once the graph and the archive have shown that they can be read.

        Raises GraphTooSlow after READY_SECONDS, DamagedArchive, and what the graph raises.
        """
        return await self._probe.ask(self._look)

    def _look(self) -> int:
        snapshots = self._probe_store.snapshots()
        if snapshots and not shard_files(self.settings.folder.archive):
            raise DamagedArchive(f"There is no shard in {self.settings.folder.archive}.")
        return len(snapshots)

    async def snapshots(self) -> list[Snapshot]:
        """What is published, newest first."""
        return await self._windows.ask(self.store.snapshots)

    async def snapshot(self, id: str) -> Snapshot:
        """One snapshot, or `latest`. Raises SnapshotNotFound, SnapshotGone."""
        return await self._windows.ask(self.store.snapshot, id)

    async def sample(self, snapshot: str, query: Query) -> Sample:
        """The triplets that stand in the snapshot's order where the query says."""
        source = await self._source(snapshot)
        async with self._counted_on(snapshot):
            return await sample(self.store, self._windows, source, query)

    async def pixels(self, snapshot: str, query: Query) -> tuple[Sample, list[memoryview]]:
        """The same with the JPEGs of its patches. Raises DamagedArchive, and ImagesMoving."""
        return await self._with_images(
            partial(self.sample, snapshot, query),
            lambda taken: self.archive.views(taken.patches),
            partial(self._windows.drop, snapshot),
        )

    async def frames(self, snapshot: str, query: FrameQuery) -> FrameSample:
        """The whole frames that stand in the snapshot's order of them where the query says. Raises FramesNotKept."""
        source = await self._source(snapshot)
        async with self._counted_on(snapshot):
            return await sample_frames(self.store, self._windows, source, query)

    async def frame_pixels(self, snapshot: str, query: FrameQuery) -> tuple[FrameSample, list[memoryview]]:
        """The same with their JPEGs. Raises DamagedArchive, and ImagesMoving."""
        return await self._with_images(
            partial(self.frames, snapshot, query), lambda taken: self.archive.views(taken.frames)
        )

    async def patch(self, id: str) -> PatchDetail:
        """One patch and what is joined to it. Raises PatchNotFound."""
        return await self._windows.ask(self.store.patch, id)

    async def image(self, id: str) -> bytes:
        """The JPEG of one patch. Raises PatchNotFound, DamagedArchive, and ImagesMoving."""
        return (await self._with_images(partial(self._location, id), self.archive.read))[1]

    async def frame_image(self, id: str) -> bytes:
        """The JPEG of a whole frame. Raises FrameNotFound, DamagedArchive, and ImagesMoving."""
        return (await self._with_images(partial(self._windows.ask, self.store.frame, id), self.archive.read))[1]

    @asynccontextmanager
    async def _counted_on(self, snapshot: str) -> AsyncIterator[None]:
        """Around reading what a snapshot counts on: it may have ended since it was last asked for. Raises RowsMissing
        where it has not."""
        try:
            yield
        except KeyError as error:
            self._windows.drop(snapshot)
            await self.snapshot(snapshot)
            raise RowsMissing(snapshot, str(error.args[0])) from error

    async def _with_images(
        self,
        ask: Callable[[], Awaitable[Said]],
        read: Callable[[Said], Images],
        forget: Callable[[], None] = lambda: None,
    ) -> tuple[Said, Images]:
        """What the graph says, and the images that it leads to; where those were moved meanwhile, the graph is asked
        again."""
        until = time.monotonic() + self.settings.deadline
        while True:
            said = await ask()
            try:
                return said, read(said)
            except ShardGone as gone:
                await self._require_moved(gone, until)
                forget()

    async def _require_moved(self, gone: ShardGone, until: float) -> None:
        """Return where looking again leads to images that were moved since the graph was read.

        Raises `gone` where the graph still counts on the shard, which is lost then; ImagesMoving after `until`.
        """
        if gone.path.stem in await self._windows.ask(self.store.shards):
            raise gone
        if time.monotonic() > until:
            raise ImagesMoving(self.settings.deadline) from gone
        # What others began to read before the move is joined meanwhile, and leads to where the images were.
        await asyncio.sleep(AGAIN_AFTER)

    async def _location(self, id: str) -> Location:
        locations = await self._windows.ask(self.store.pixels, [id])
        if id not in locations:
            raise PatchNotFound(id)
        return locations[id]

    async def _source(self, id: str) -> SnapshotIndex:
        now = time.monotonic()
        if now > self._alive.get(id, 0.0):
            # Noted before the answer is there: one request asks, the others go on.
            self._alive[id] = now + ALIVE_FOR
            try:
                await self.snapshot(id)
            except BaseException as error:
                self._alive.pop(id, None)
                if isinstance(error, NotFound):
                    self._windows.drop(id)
                raise
        if now > self._stamped.get(id, 0.0):
            self._stamped[id] = now + STAMP_EVERY
            self._windows.tell(self.store.touch_snapshot, id)
        return await self._windows.get((id, "source"), lambda: read_source(self.store, id))
