"""Build the AOT cache of Neo4j's Java: `python -m graphdb.maintenance.aot_cache`, a low-priority process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from foundation.files import alone
from graphdb.errors import GraphdbError
from graphdb.server.java import Java
from graphdb.server.process import ServerProcess
from graphdb.server.runtime import archive_of, jar_folder

REHEARSAL_SECONDS = 600.0


KEPT = 2
"""Archives kept: one for each of the last environments that ran Neo4j, 160 MB each."""


def main() -> None:
    """Rehearse, unless somebody is at it. It is an aid: what goes wrong is tried again after a later start."""
    os.nice(19)
    jars = jar_folder()
    java = Java(jars.paths)
    archive = archive_of(java)
    with suppress(GraphdbError), alone(archive.parent / ".rehearsal.lock", 0, "rehearsing Neo4j's start"):
        if not archive.exists():
            # Somebody may have touched a jar since it was fetched; one that differs goes, and is fetched again.
            jars.verify()
            clear(archive.parent)
            rehearse(java, archive)


def rehearse(java: Java, archive: Path) -> None:
    """Write the archive, or an empty file where this machine makes none: starts are longer then, and nothing else."""
    with TemporaryDirectory(prefix=".rehearsal-", dir=archive.parent, ignore_cleanup_errors=True) as scratch:
        made, record = Path(scratch) / "made", Path(scratch) / "record"
        create = java.command("-XX:AOTMode=create", f"-XX:AOTConfiguration={record}", f"-XX:AOTCache={made}")
        with suppress(GraphdbError, subprocess.TimeoutExpired):
            perform(replace(java, options=("-XX:AOTMode=record", f"-XX:AOTConfiguration={record}")), Path(scratch))
            subprocess.run(create, stdin=subprocess.DEVNULL, capture_output=True, timeout=REHEARSAL_SECONDS)
        made.touch()
        made.replace(archive)


def clear(folder: Path) -> None:
    """Make room: end and remove what a killed rehearsal left, and the oldest archives."""
    for left in folder.glob(".rehearsal-*"):
        ServerProcess(left / "neo4j").end(patience=0)
        shutil.rmtree(left, ignore_errors=True)
    archives = sorted(folder.glob("neo4j-*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for outdated in archives[KEPT - 1 :]:
        outdated.unlink()


def perform(java: Java, scratch: Path) -> None:
    """Start a server in a scratch folder, ask it what every user asks, and stop it."""
    from graphdb.server.local import LocalServer
    from graphdb.store.graph import GraphStore

    server = LocalServer(scratch / "neo4j", console=Console(quiet=True), java=java)
    try:
        there = server.start(patience=REHEARSAL_SECONDS)
        with GraphStore(there.uri, there.user, there.password) as store:
            store.ensure_schema()
            store.counts()
            store.snapshots()
        # Java writes its record as it ends.
        server.stop(patience=REHEARSAL_SECONDS)
    except BaseException:
        server.stop(patience=0)
        raise


if __name__ == "__main__":
    main()
