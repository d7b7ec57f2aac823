"""Write images to the archive, as its only writer."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from foundation.errors import CannotWrite
from foundation.files import sync_folder, wrap_os_errors
from graphdb.archive.shards import (
    SHARD_BYTES,
    TRAILER,
    require_committed,
    shard_name,
    shard_path,
    truncate_uncommitted,
)
from graphdb.errors import ArchiveLocked
from graphdb.model import Location

LOCK_FILE = "writer.lock"


class ArchiveWriter:
    """The only writer of a data folder's archive.

    `ends` reads the committed ends of the shards from the graph. It is called after the lock is taken, when no other
    process can change them. Raises ArchiveLocked, DamagedArchive if a shard is shorter than its committed end, and
    CannotWrite.
    """

    def __init__(self, folder: Path, ends: Callable[[], Mapping[str, int]], shard_bytes: int = SHARD_BYTES) -> None:
        self._folder = folder
        self._shard_bytes = shard_bytes
        with ExitStack() as stack:
            stack.enter_context(writer_lock(folder))
            committed = ends()
            require_committed(folder, committed)
            truncate_uncommitted(folder, committed)
            self._number = max(map(int, committed), default=0)
            self._end = committed.get(self.shard, 0)
            self._open()
            self._held = stack.pop_all()

    @property
    def shard(self) -> str:
        """The name of the open shard."""
        return shard_name(self._number)

    @property
    def end(self) -> int:
        """The end of the open shard in bytes. Commit it to the graph together with the patches before it."""
        return self._end

    def append(self, images: Iterable[tuple[str, bytes]]) -> list[Location]:
        """Write images (id, JPEG bytes) to one shard, sync them to the disk, and return where each one is.

        Raises CannotWrite; the shard is then as it was before.
        """
        if self._end >= self._shard_bytes:
            self.rotate()
        locations = []
        path = shard_path(self._folder, self.shard)
        try:
            with wrap_os_errors(path), path.open("r+b") as file:
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
            # Free the space again: on a full disk, the user needs some even to delete files.
            with suppress(OSError):
                os.truncate(path, self._end)
            raise
        self._end = end
        return locations

    def rotate(self) -> None:
        """Seal the open shard and open the next one. A shard number is never used again. Raises CannotWrite."""
        path = shard_path(self._folder, self.shard)
        with wrap_os_errors(path), path.open("r+b") as file:
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
        with wrap_os_errors(path):
            path.touch()
            sync_folder(self._folder)


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of the archive's only writer. The folder is made if it is missing.

    Raises ArchiveLocked and CannotWrite.
    """
    lock = FileLock(folder / LOCK_FILE)
    with wrap_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # `is_locked` in another process holds the lock for a moment.
            lock.acquire(timeout=1)
        except Timeout:
            raise ArchiveLocked(str(folder.parent)) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Tell whether a writer holds the lock of the archive. This makes and changes no file."""
    import fcntl

    try:
        with (folder / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # the archive was never written to, or this user may not read the lock
    return False
