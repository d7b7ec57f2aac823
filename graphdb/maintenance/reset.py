"""Empty a data folder: the graph, and what only makes sense beside it."""

from __future__ import annotations

import shutil

from foundation.data_folder import DataFolder
from foundation.files import writing
from graphdb.archive.writer import writer_lock
from graphdb.server.local import LocalServer


def reset_folder(folder: DataFolder) -> None:
    """Stop the server and delete graph, pixels, views, features, fits and store id; runs and server settings stay.

    Run again after an interruption, it goes on. Raises ArchiveLocked while an ingest writes to the folder, CannotWrite.
    """
    with writer_lock(folder.archive):
        with writing(folder.neo4j):
            LocalServer(folder.neo4j).reset()
        with writing(folder.store_file):
            folder.store_file.unlink(missing_ok=True)
        # The lock lies in the archive, so that goes last.
        for place in (folder.views, folder.features, folder.fits, folder.archive):
            with writing(place):
                if place.exists():
                    shutil.rmtree(place)
