"""Read images from the archive."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

from graphdb.archive.jpeg import JPEG_START
from graphdb.archive.shards import shard_path
from graphdb.errors import DamagedArchive, ShardGone
from graphdb.model import Frames, Location, Patches


class ArchiveReader:
    """Reads images by location. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[str, memoryview] = {}
        self._lock = threading.Lock()

    def read(self, location: Location) -> bytes:
        """Return the JPEG bytes at the location.

        Raises DamagedArchive if there are none, and ShardGone if the shard is missing: compaction may have moved the
        image, so read its location from the graph again.
        """
        return bytes(self._view(*location))

    def views(self, images: Patches | Frames) -> list[memoryview]:
        """Return the JPEG bytes of each image without copying them. Raises what `read` raises."""
        columns = (images.shard.tolist(), images.offset.tolist(), images.size.tolist())
        return [self._view(shard, offset, size) for shard, offset, size in zip(*columns, strict=True)]

    def close(self) -> None:
        with self._lock:
            self._maps.clear()

    def _view(self, shard: str, offset: int, size: int) -> memoryview:
        end = offset + size
        data = self._maps.get(shard)
        if data is None or len(data) < end:
            data = self._map(shard)
        jpeg = data[offset:end]
        if len(jpeg) != size or jpeg[:2] != JPEG_START:
            raise DamagedArchive(
                f"There is no image of {size} bytes at byte {offset} of {shard_path(self._folder, shard)}. "
                "Restore the archive that belongs to this graph."
            )
        return jpeg

    def _map(self, shard: str) -> memoryview:
        # A shard that has grown is mapped again; the old map stays until its last view is released.
        path = shard_path(self._folder, shard)
        try:
            with self._lock, path.open("rb") as file:
                # A deleted shard takes space on the disk as long as it is mapped.
                self._maps = {id: map for id, map in self._maps.items() if shard_path(self._folder, id).exists()}
                self._maps[shard] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
                return self._maps[shard]
        except FileNotFoundError:
            raise ShardGone(path) from None
        except (OSError, ValueError) as error:
            raise DamagedArchive(
                f"The shard {path} cannot be read ({error}). Restore the archive that belongs to this graph."
            ) from error
