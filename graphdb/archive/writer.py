"""TODO."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from foundation.errors import CannotWrite
from foundation.files import writing
from graphdb.archive.shards import (
    SHARD_BYTES,
    TRAILER,
    cut_uncommitted,
    refuse_damage,
    shard_name,
    shard_path,
    sync_folder,
)
from graphdb.errors import ArchiveLocked
from graphdb.model import Location


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
