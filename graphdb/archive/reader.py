"""TODO."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

from graphdb.archive.shards import JPEG_START, shard_path
from graphdb.errors import DamagedArchive, ShardGone
from graphdb.model import Frames, Location, Patches


class ArchiveReader:
    """Reads images by location; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[str, memoryview] = {}
        self._lock = threading.Lock()

    def read(self, location: Location) -> bytes:
        """The JPEG bytes at the location. Raises DamagedArchive where there are none, ShardGone where the shard is not
        there: ask the graph again, the image may have moved."""
        return bytes(self._view(*location))

    def views(self, images: Patches | Frames) -> list[memoryview]:
        """The JPEG bytes of each image, where they lie: nothing is copied. Raises as `read` does."""
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
                f"No image of {size} bytes lies at byte {offset} of {shard_path(self._folder, shard)}. "
                "Restore the archive that belongs to this graph."
            )
        return jpeg

    def _map(self, shard: str) -> memoryview:
        # A grown shard is mapped anew; the old map stays until the last one who reads from it lets go.
        path = shard_path(self._folder, shard)
        try:
            with self._lock, path.open("rb") as file:
                # Maps of shards that were deleted keep their room on the disk until then.
                self._maps = {id: map for id, map in self._maps.items() if shard_path(self._folder, id).exists()}
                self._maps[shard] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
                return self._maps[shard]
        except FileNotFoundError:
            raise ShardGone(path) from None
        except (OSError, ValueError) as error:
            raise DamagedArchive(
                f"The shard {path} cannot be read ({error}). Restore the archive that belongs to this graph."
            ) from error
