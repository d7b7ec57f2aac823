"""Empty a data folder: the graph, and what only makes sense beside it."""

from __future__ import annotations

import shutil

from filelock import FileLock, Timeout

from graphdb.errors import ArchiveLocked
from graphdb.server import LocalServer
from graphdb.settings import DataFolder


def reset_folder(folder: DataFolder) -> None:
    """Stop the server and delete graph, pixels, features, fits and the store id; runs and the server's settings stay.

    Run again after an interruption, it goes on. Raises ArchiveLocked while an ingest writes to the folder.
    """
    folder.archive.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.archive / "writer.lock", timeout=0):
            LocalServer(folder.neo4j).reset()
            folder.store_file.unlink(missing_ok=True)
            for pixels in (folder.archive, folder.features, folder.fits):
                shutil.rmtree(pixels, ignore_errors=True)
    except Timeout:
        raise ArchiveLocked(str(folder.root)) from None
