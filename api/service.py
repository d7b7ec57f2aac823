"""Answers the routes from one graph, one archive, and a cache of what was read from them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from api.errors import ImagesMoving, RowsMissing
from api.sampling.cache import GraphCache
from api.sampling.executor import GraphExecutor
from api.sampling.frames import FrameQuery, FrameSample, sample_frames
from api.sampling.snapshot_index import SnapshotIndex, read_snapshot_index
from api.sampling.triplets import TripletQuery, TripletSample, sample_triplets
from api.settings import ServiceSettings
from graphdb.archive.reader import ArchiveReader
from graphdb.archive.shards import shard_files
from graphdb.connect import connect, open_store
from graphdb.errors import DamagedArchive, NotFound, PatchNotFound, ShardGone
from graphdb.model import Location, PatchDetail, Snapshot
from graphdb.store.graph import GraphStore

Found = TypeVar("Found")
Images = TypeVar("Images")

READY_SECONDS = 1.5
"""How long a readiness probe waits for the graph."""
HANG_FACTOR = 2.0
"""Deadlines after which a call to the graph counts as hung."""
CHECK_EVERY = 1.0
"""Seconds between two checks whether a snapshot that is being read has ended."""
RETRY_PAUSE = 0.05
"""Seconds before the next try to read images that were moved."""
STAMP_EVERY = 60.0
"""Seconds between two time stamps on a snapshot that is being read. Pruning keeps a snapshot with a recent stamp."""


class Service:
    """Reads the graph and the archive of a data folder. Belongs to one event loop."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.store = connect(settings.folder, GraphStore, timeout=settings.query_seconds)
        self.archive = ArchiveReader(settings.folder.archive)
        executor = GraphExecutor(
            settings.readers, hang_seconds=HANG_FACTOR * settings.deadline, reconnect=self.store.reconnect
        )
        self._cache = GraphCache(settings.cache_bytes, deadline=settings.deadline, executor=executor)
        # Probes have a connection and a thread of their own, so that they never wait behind triplets.
        self._probe_store = open_store(settings.folder, GraphStore, timeout=READY_SECONDS)
        probe = GraphExecutor(1, hang_seconds=READY_SECONDS, reconnect=self._probe_store.reconnect)
        self._probe = GraphCache(0, deadline=READY_SECONDS, executor=probe)
        self._next_check: dict[str, float] = {}
        self._next_stamp: dict[str, float] = {}

    def close(self) -> None:
        self._cache.close()
        self._probe.close()
        self.store.close()
        self._probe_store.close()
        self.archive.close()

    async def ready(self) -> int:
        """Check that the graph and the archive can be read; return the number of snapshots.

        Raises GraphTooSlow after READY_SECONDS, DamagedArchive, and what the graph raises.
        """
        return await self._probe.call(self._check_readiness)

    def _check_readiness(self) -> int:
        snapshots = self._probe_store.snapshots()
        if snapshots and not shard_files(self.settings.folder.archive):
            raise DamagedArchive(f"There is no shard in {self.settings.folder.archive}.")
        return len(snapshots)

    async def snapshots(self) -> list[Snapshot]:
        """Return the published snapshots, newest first."""
        return await self._cache.call(self.store.snapshots)

    async def snapshot(self, id: str) -> Snapshot:
        """Return one snapshot, or the newest for `latest`. Raises SnapshotNotFound and SnapshotGone."""
        return await self._cache.call(self.store.snapshot, id)

    async def triplets(self, snapshot: str, query: TripletQuery) -> TripletSample:
        """Return the triplets at the positions of the query. Raises what `sample_triplets` raises, and RowsMissing."""
        index = await self._index(snapshot)
        async with self._rows_required(snapshot):
            return await sample_triplets(self.store, self._cache, index, query)

    async def triplets_with_images(self, snapshot: str, query: TripletQuery) -> tuple[TripletSample, list[memoryview]]:
        """Return the triplets, and the JPEGs of their patches. Raises also DamagedArchive and ImagesMoving."""
        return await self._with_images(
            partial(self.triplets, snapshot, query),
            lambda sample: self.archive.views(sample.patches),
            # The cache holds locations of images: read the new ones.
            partial(self._cache.drop, snapshot),
        )

    async def frames(self, snapshot: str, query: FrameQuery) -> FrameSample:
        """Return the whole frames at the positions of the query. Raises FramesNotKept and RowsMissing."""
        index = await self._index(snapshot)
        async with self._rows_required(snapshot):
            return await sample_frames(self.store, self._cache, index, query)

    async def frames_with_images(self, snapshot: str, query: FrameQuery) -> tuple[FrameSample, list[memoryview]]:
        """Return the whole frames, and their JPEGs. Raises also DamagedArchive and ImagesMoving."""
        return await self._with_images(
            partial(self.frames, snapshot, query), lambda sample: self.archive.views(sample.frames)
        )

    async def patch(self, id: str) -> PatchDetail:
        """Return one patch with its neighbors. Raises PatchNotFound."""
        return await self._cache.call(self.store.patch, id)

    async def image(self, id: str) -> bytes:
        """Return the JPEG of one patch. Raises PatchNotFound, DamagedArchive and ImagesMoving."""
        return (await self._with_images(partial(self._location, id), self.archive.read))[1]

    async def frame_image(self, id: str) -> bytes:
        """Return the JPEG of a whole frame. Raises FrameNotFound, DamagedArchive and ImagesMoving."""
        return (await self._with_images(partial(self._cache.call, self.store.frame, id), self.archive.read))[1]

    @asynccontextmanager
    async def _rows_required(self, snapshot: str) -> AsyncIterator[None]:
        """Turn a missing row into an error: SnapshotGone if the snapshot ended meanwhile, otherwise RowsMissing."""
        try:
            yield
        except KeyError as error:
            self._cache.drop(snapshot)
            await self.snapshot(snapshot)
            raise RowsMissing(snapshot, str(error.args[0])) from error

    async def _with_images(
        self,
        find: Callable[[], Awaitable[Found]],
        read: Callable[[Found], Images],
        drop_locations: Callable[[], None] = lambda: None,
    ) -> tuple[Found, Images]:
        """Find rows in the graph and read their images; find them again while images are being moved."""
        until = time.monotonic() + self.settings.deadline
        while True:
            found = await find()
            try:
                return found, read(found)
            except ShardGone as gone:
                await self._require_moved(gone, until)
                drop_locations()

    async def _require_moved(self, gone: ShardGone, until: float) -> None:
        """Return if the images of a shard were moved, so that a retry finds them.

        Raises `gone` if the graph still refers to the shard, which was lost then, and ImagesMoving after `until`.
        """
        if gone.path.stem in await self._cache.call(self.store.shards):
            raise gone
        if time.monotonic() > until:
            raise ImagesMoving(self.settings.deadline) from gone
        # Reads that began before the move are shared by later requests, and still lead to the old location.
        await asyncio.sleep(RETRY_PAUSE)

    async def _location(self, id: str) -> Location:
        locations = await self._cache.call(self.store.pixels, [id])
        if id not in locations:
            raise PatchNotFound(id)
        return locations[id]

    async def _index(self, id: str) -> SnapshotIndex:
        """Return the index of a snapshot. Raises SnapshotNotFound and SnapshotGone, the latter at most CHECK_EVERY
        seconds late."""
        now = time.monotonic()
        if now > self._next_check.get(id, 0.0):
            # Set before the check ends, so that only one of several requests makes it.
            self._next_check[id] = now + CHECK_EVERY
            try:
                await self.snapshot(id)
            except BaseException as error:
                self._next_check.pop(id, None)
                if isinstance(error, NotFound):
                    self._cache.drop(id)
                raise
        if now > self._next_stamp.get(id, 0.0):
            self._next_stamp[id] = now + STAMP_EVERY
            self._cache.run_in_background(self.store.touch_snapshot, id)
        return await self._cache.get((id, "index"), lambda: read_snapshot_index(self.store, id))
