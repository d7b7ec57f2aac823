"""Crops and frames in tar shards: one writer, many readers.

A shard is an ordinary tar that `tar` and WebDataset read. The graph holds each shard's committed `end`; bytes past it
belong to an ingest that died before its commit, and the next writer cuts them off. Readers never touch them.
"""

from __future__ import annotations

import mmap
import os
import tarfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from graphdb.errors import ArchiveLocked, DamagedArchive
from graphdb.model import Location

SHARD_BYTES = 256 * 2**20
TRAILER = bytes(2 * tarfile.BLOCKSIZE)
JPEG_START = b"\xff\xd8"


def shard_path(folder: Path, shard: str) -> Path:
    return folder / f"{shard}.tar"


class ArchiveWriter:
    """The one writer of a data folder's archive.

    `ends` are the committed ends of the shards, from the graph. Raises ArchiveLocked where another writer is at work,
    and DamagedArchive where a shard is shorter than the graph says.
    """

    def __init__(self, folder: Path, ends: Mapping[str, int], shard_bytes: int = SHARD_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._lock = FileLock(folder / "writer.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ArchiveLocked(str(folder.parent)) from None
        try:
            self._number = max((int(shard) for shard in ends), default=0)
            self._end = ends.get(self.shard, 0)
            self._recover(ends)
        except BaseException:
            self._lock.release()
            raise

    @property
    def shard(self) -> str:
        """The open shard."""
        return f"{self._number:06d}"

    @property
    def end(self) -> int:
        """The end of the open shard in bytes: what the graph commits together with the patches before it."""
        return self._end

    def append(self, images: Iterable[tuple[str, bytes]]) -> list[Location]:
        """Write images (id, JPEG bytes) together, synced to the disk, and say where each one lies."""
        if self._end >= self._shard_bytes:
            self._seal()
        locations = []
        with shard_path(self._folder, self.shard).open("r+b") as file:
            file.seek(self._end)
            for id, jpeg in images:
                header = tarfile.TarInfo(f"{id}.jpg")
                header.size = len(jpeg)
                file.write(header.tobuf(tarfile.USTAR_FORMAT))
                locations.append(Location(self.shard, file.tell(), len(jpeg)))
                file.write(jpeg)
                file.write(bytes(-len(jpeg) % tarfile.BLOCKSIZE))
            self._end = file.tell()
            file.flush()
            os.fsync(file.fileno())
        return locations

    def close(self) -> None:
        self._lock.release()

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _recover(self, ends: Mapping[str, int]) -> None:
        """Bring the folder to what the graph has committed: cut the open shard, drop the ones it never heard of."""
        for shard, end in ends.items():
            path = shard_path(self._folder, shard)
            size = path.stat().st_size if path.exists() else 0
            if size < end:
                raise DamagedArchive(
                    f"The graph counts on {end} bytes in {path}, which has {size}. "
                    "Restore the archive folder from the backup that belongs to this graph."
                )
        for path in self._folder.glob("*.tar"):
            if path.stem not in ends and path.stem != self.shard:
                path.unlink()
        self._open()

    def _seal(self) -> None:
        with shard_path(self._folder, self.shard).open("r+b") as file:
            file.seek(self._end)
            file.write(TRAILER)
            file.flush()
            os.fsync(file.fileno())
        self._number += 1
        self._end = 0
        self._open()

    def _open(self) -> None:
        with shard_path(self._folder, self.shard).open("ab") as file:
            file.truncate(self._end)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._folder)


class ArchiveReader:
    """Reads images by location; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[str, mmap.mmap] = {}
        self._lock = threading.Lock()

    def read(self, location: Location) -> bytes:
        """The JPEG bytes at the location. Raises DamagedArchive where there are none."""
        end = location.offset + location.size
        shard = self._maps.get(location.shard)
        if shard is None or len(shard) < end:
            shard = self._map(location.shard)
        jpeg = shard[location.offset : end]
        if len(jpeg) != location.size or not jpeg.startswith(JPEG_START):
            raise DamagedArchive(
                f"No image of {location.size} bytes lies at byte {location.offset} of "
                f"{shard_path(self._folder, location.shard)}. Restore the archive that belongs to this graph."
            )
        return jpeg

    def close(self) -> None:
        with self._lock:
            for shard in self._maps.values():
                shard.close()
            self._maps.clear()

    def _map(self, shard: str) -> mmap.mmap:
        # A grown shard is mapped anew; the old map stays with whoever still reads from it.
        path = shard_path(self._folder, shard)
        try:
            with self._lock, path.open("rb") as file:
                self._maps[shard] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return self._maps[shard]
        except (OSError, ValueError) as error:
            raise DamagedArchive(
                f"The shard {path} cannot be read ({error}). Restore the archive that belongs to this graph."
            ) from error


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
