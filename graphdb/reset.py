"""Empty a data folder: the graph, and what only makes sense beside it."""

from __future__ import annotations

import shutil

from graphdb.archive import writer_lock
from graphdb.server import LocalServer
from graphdb.settings import DataFolder


def reset_folder(folder: DataFolder) -> None:
    """Stop the server and delete graph, pixels, features, fits and the store id; runs and the server's settings stay.

    Run again after an interruption, it goes on. Raises ArchiveLocked while an ingest writes to the folder.
    """
    with writer_lock(folder.archive):
        LocalServer(folder.neo4j).reset()
        folder.store_file.unlink(missing_ok=True)
        for pixels in (folder.archive, folder.features, folder.fits):
            shutil.rmtree(pixels, ignore_errors=True)
