"""Build the AOT cache of Neo4j's Java: `python -m graphdb.maintenance.aot_cache`, a low-priority process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from foundation.errors import AffinityError
from foundation.files import exclusive_lock, write_private
from graphdb.server.configuration import Ports
from graphdb.server.java import Java
from graphdb.server.process import ServerProcess
from graphdb.server.runtime import aot_cache_file, jar_folder

BUILD_SECONDS = 600.0
"""Seconds that each step of a build may take."""
KEPT = 2
"""Number of caches that are kept, one for each of the last environments that ran Neo4j. A cache has 160 MB."""
SCRATCH_PREFIX = ".rehearsal-"
"""Starts the names of temporary folders."""


def main() -> None:
    """Build the cache, unless another process does. Errors are ignored: a later start of the server tries again."""
    os.nice(19)
    jars = jar_folder()
    java = Java(jars.paths)
    cache = aot_cache_file(java)
    with suppress(AffinityError), exclusive_lock(cache.parent / ".rehearsal.lock", 0, "building the AOT cache"):
        if not cache.exists():
            # A jar may have changed since it was downloaded. It is removed then, and the next start downloads it.
            jars.verify()
            clean_up(cache.parent)
            build(java, cache)


def build(java: Java, cache: Path) -> None:
    """Write the cache, or an empty file if this machine cannot make one: then all starts take longer."""
    with TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=cache.parent, ignore_cleanup_errors=True) as scratch:
        made, record = Path(scratch) / "made", Path(scratch) / "record"
        create = java.command("-XX:AOTMode=create", f"-XX:AOTConfiguration={record}", f"-XX:AOTCache={made}")
        with suppress(AffinityError, subprocess.TimeoutExpired):
            training_run(replace(java, options=("-XX:AOTMode=record", f"-XX:AOTConfiguration={record}")), Path(scratch))
            subprocess.run(create, stdin=subprocess.DEVNULL, capture_output=True, timeout=BUILD_SECONDS)
        made.touch()
        made.replace(cache)


def clean_up(folder: Path) -> None:
    """End and remove what an interrupted build left, and remove the oldest caches."""
    for leftover in folder.glob(f"{SCRATCH_PREFIX}*"):
        ServerProcess(leftover / "neo4j").end(timeout=0)
        shutil.rmtree(leftover, ignore_errors=True)
    caches = sorted(folder.glob("neo4j-*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for outdated in caches[KEPT - 1 :]:
        outdated.unlink()


def training_run(java: Java, scratch: Path) -> None:
    """Start a server in a temporary folder, run the first queries of every user, and stop it."""
    from graphdb.server.local import LocalServer
    from graphdb.store.graph import GraphStore

    home = scratch / "neo4j"
    home.mkdir()
    # The default ports stay free for the servers of users.
    write_private(home / "ports", json.dumps(asdict(Ports.other())))
    server = LocalServer(home, console=Console(quiet=True), java=java)
    try:
        connection = server.start(timeout=BUILD_SECONDS)
        with GraphStore(connection.uri, connection.user, connection.password) as store:
            store.ensure_schema()
            store.counts()
            store.snapshots()
        # Java writes its record when it ends.
        server.stop(timeout=BUILD_SECONDS)
    except BaseException:
        server.stop(timeout=0)
        raise


if __name__ == "__main__":
    main()
