"""Crops and frames in tar shards: one writer, many readers.

A shard is an ordinary tar that `tar` and WebDataset read. The graph holds each shard's committed `end`; bytes past it
belong to an ingest that died before its commit, and the next writer cuts them off. Readers never touch them.
"""

from __future__ import annotations

import mmap
import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from graphdb.errors import ArchiveLocked, CannotWrite, DamagedArchive, ShardGone
from graphdb.files import writing
from graphdb.model import Frames, Location, Patches

SHARD_BYTES = 256 * 2**20
SHARDS = f"{'[0-9]' * 6}.tar"
"""The names of our shards: a tar that somebody else put beside them is not ours to cut."""
TRAILER = bytes(2 * tarfile.BLOCKSIZE)
JPEG_START = b"\xff\xd8"


def shard_name(number: int) -> str:
    return f"{number:06d}"


def shard_path(folder: Path, shard: str) -> Path:
    return folder / f"{shard}.tar"


def shard_files(folder: Path) -> list[Path]:
    """The shards of an archive, committed or not, in order."""
    return sorted(folder.glob(SHARDS))


class ArchiveWriter:
    """The one writer of a data folder's archive.

    `ends` asks the graph for the committed ends of the shards; it is called once nobody else can move them. Raises
    ArchiveLocked where another writer is at work, DamagedArchive where a shard is shorter than the graph says, and
    CannotWrite where the disk refuses.
    """

    def __init__(self, folder: Path, ends: Callable[[], Mapping[str, int]], shard_bytes: int = SHARD_BYTES) -> None:
        self._folder = folder
        self._shard_bytes = shard_bytes
        with ExitStack() as stack:
            stack.enter_context(writer_lock(folder))
            committed = ends()
            refuse_damage(folder, committed)
            cut_uncommitted(folder, committed)
            self._number = max(map(int, committed), default=0)
            self._end = committed.get(self.shard, 0)
            self._open()
            self._held = stack.pop_all()

    @property
    def shard(self) -> str:
        """The open shard."""
        return shard_name(self._number)

    @property
    def end(self) -> int:
        """The end of the open shard in bytes: what the graph commits together with the patches before it."""
        return self._end

    def append(self, images: Iterable[tuple[str, bytes]]) -> list[Location]:
        """Write images (id, JPEG bytes) together, synced to the disk, and say where each one lies."""
        if self._end >= self._shard_bytes:
            self.turn()
        locations = []
        path = shard_path(self._folder, self.shard)
        try:
            with writing(path), path.open("r+b") as file:
                file.seek(self._end)
                for id, jpeg in images:
                    header = tarfile.TarInfo(f"{id}.jpg")
                    header.size = len(jpeg)
                    file.write(header.tobuf(tarfile.USTAR_FORMAT))
                    locations.append(Location(self.shard, file.tell(), len(jpeg)))
                    file.write(jpeg)
                    file.write(bytes(-len(jpeg) % tarfile.BLOCKSIZE))
                end = file.tell()
                file.flush()
                os.fsync(file.fileno())
        except CannotWrite:
            # Give the room back: on a full disk, even somebody who tidies up needs some.
            with suppress(OSError):
                os.truncate(path, self._end)
            raise
        self._end = end
        return locations

    def turn(self) -> None:
        """Seal the open shard and open the next: numbers only rise."""
        path = shard_path(self._folder, self.shard)
        with writing(path), path.open("r+b") as file:
            file.seek(self._end)
            file.write(TRAILER)
            file.flush()
            os.fsync(file.fileno())
        self._number += 1
        self._end = 0
        self._open()

    def close(self) -> None:
        self._held.close()

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _open(self) -> None:
        path = shard_path(self._folder, self.shard)
        with writing(path):
            path.touch()
            sync_folder(self._folder)


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Be the one writer of the archive; its folder is made if missing. Raises ArchiveLocked, CannotWrite."""
    lock = FileLock(folder / "writer.lock")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # Whoever asks `is_locked` holds it for a moment.
            lock.acquire(timeout=1)
        except Timeout:
            raise ArchiveLocked(str(folder.parent)) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a writer is at work, whoever it is. Looking makes no file, and changes none."""
    import fcntl

    try:
        with (folder / "writer.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # nobody ever wrote here, or somebody whose lock we may not look at
    return False


def refuse_damage(folder: Path, ends: Mapping[str, int]) -> None:
    """Raises DamagedArchive where a shard is shorter than the graph says."""
    for shard, end in ends.items():
        if (size := shard_size(folder, shard)) < end:
            raise DamagedArchive(
                f"The graph counts on {end} bytes in {shard_path(folder, shard)}, which has {size}. "
                "Restore the archive folder from the backup that belongs to this graph."
            )


def shard_size(folder: Path, shard: str) -> int:
    """Bytes in a shard; 0 where it is missing."""
    path = shard_path(folder, shard)
    return path.stat().st_size if path.exists() else 0


def uncommitted(folder: Path, ends: Mapping[str, int]) -> dict[Path, int]:
    """The files that a dead writer left longer than it committed them, and what of each is to stay, in bytes.

    A full shard ends in a trailer, which the graph does not count; of a shard that the graph never heard of,
    nothing stays.
    """
    newest = max(ends, key=int, default="")
    kept = {shard: end if shard == newest else end + len(TRAILER) for shard, end in ends.items()}
    sizes = {path: path.stat().st_size for path in shard_files(folder)}
    return {path: kept.get(path.stem, 0) for path, size in sizes.items() if size > kept.get(path.stem, 0)}


def cut_uncommitted(folder: Path, ends: Mapping[str, int]) -> None:
    """Bring the archive to what the graph has committed. Only the writer may."""
    for path, size in uncommitted(folder, ends).items():
        with writing(path):
            if size:
                os.truncate(path, size)
            else:
                path.unlink()


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


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
