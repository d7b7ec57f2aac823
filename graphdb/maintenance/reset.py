"""Empty a data folder: delete the graph, and everything that belongs to it."""

from __future__ import annotations

import shutil

from foundation.data_folder import DataFolder
from foundation.files import wrap_os_errors
from graphdb.archive.writer import writer_lock
from graphdb.server.local import LocalServer


def reset_folder(folder: DataFolder) -> None:
    """Stop the server, and delete the graph, the images, signatures, features, cluster models and the store id.

    Trained runs and the settings of the server stay. It may be repeated after an interruption. Raises ArchiveLocked
    while another command writes to the folder, and CannotWrite.
    """
    with writer_lock(folder.archive):
        with wrap_os_errors(folder.neo4j):
            LocalServer(folder.neo4j).reset()
        with wrap_os_errors(folder.store_file):
            folder.store_file.unlink(missing_ok=True)
        # The archive is deleted last, because the lock is in it.
        for place in (folder.views, folder.features, folder.fits, folder.archive):
            with wrap_os_errors(place):
                if place.exists():
                    shutil.rmtree(place)
