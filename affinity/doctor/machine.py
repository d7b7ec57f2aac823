"""What every computer has, in its own amount: Python, memory, disks, folders and ports."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from affinity.doctor.check import Check, State, gigabytes
from affinity.doctor.extras import EXTRAS, PACKAGE, missing, modules, pip_line
from foundation.data_folder import DataFolder
from graphdb.archive.writer import is_locked
from graphdb.server.configuration import is_listening

SMALL_MEMORY = 4e9
LOW_DISK, NO_DISK = 5e9, 0.5e9
"""Bytes free, below which one should look, and below which the next command may fail."""
SERVICE_PORT = 8477


def python() -> Iterator[Check]:
    here = ".".join(map(str, sys.version_info[:3]))
    try:
        wanted = metadata(PACKAGE)["Requires-Python"] or ""
    except PackageNotFoundError:
        wanted = ""
    low, high = (re.search(rf"{sign}\s*(\d+)\.(\d+)", wanted) for sign in (">=", "<"))
    too_old = low and sys.version_info[:2] < (int(low[1]), int(low[2]))
    too_new = high and sys.version_info[:2] >= (int(high[1]), int(high[2]))
    if too_old or too_new:
        yield Check("python", "problem", f"{here}, but {PACKAGE} needs {wanted}", "Make an environment with such a one")
    else:
        yield Check("python", "ok", f"{here}, {sys.executable}")


def extras() -> Iterator[Check]:
    """What is not installed is not wanted here: a machine that only trains is a healthy one."""
    for extra in EXTRAS:
        absent = missing(extra)
        if not absent:
            yield Check(extra, "ok", "installed" if modules(extra) else "installed, but not by pip")
        else:
            yield Check(
                extra, "ok", f"not installed (no {', '.join(absent[:3])}{', …' if absent[3:] else ''})", pip_line(extra)
            )


def memory() -> Iterator[Check]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(ImportError):
        from graphdb.server.configuration import machine_memory

        total = machine_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = f"{gigabytes(total)}, {cores} cores"
    if total < SMALL_MEMORY:
        yield Check("memory", "warning", found, "Ingest with few --workers, train with a small --batch")
    else:
        yield Check("memory", "ok", found)


def place(name: str, folder: Path, variable: str) -> Iterator[Check]:
    """A folder that may still have to be made: can it be written, and has its disk room?"""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    there = f"{folder}" if nearest == folder else f"{folder} (not made yet)"
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield Check(name, "problem", f"{there} cannot be written to", f"Choose another with {variable}")
        return
    free = shutil.disk_usage(nearest).free
    state: State = "problem" if free < NO_DISK else "warning" if free < LOW_DISK else "ok"
    remedy = "" if state == "ok" else f"Make room there, or choose another with {variable}"
    yield Check(name, state, f"{there}, {gigabytes(free)} free", remedy)


def data(folder: DataFolder) -> Iterator[Check]:
    yield from place("data folder", folder.root, "--data or AFFINITY_DATA")
    with suppress(OSError):
        yield Check("store", "ok", store_id(folder) or "none yet: nothing was ingested into this folder")
    if is_locked(folder.archive):
        yield Check("writer", "ok", "an ingest is writing to this folder just now")


def store_id(folder: DataFolder) -> str | None:
    return folder.store_file.read_text().strip() if folder.store_file.exists() else None


def service_port() -> Iterator[Check]:
    name = f"port {SERVICE_PORT}"
    if not is_listening(SERVICE_PORT):
        yield Check(name, "ok", "free")
        return
    if is_our_service(SERVICE_PORT):
        yield Check(name, "ok", "a triplet service answers")
    else:
        found = f"taken by {owner(SERVICE_PORT)}"
        yield Check(name, "warning", found, "Stop it, or choose another port: affinity serve --port 0")


def is_our_service(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(json.load(answer) == {"status": "up"})
    except (OSError, ValueError, http.client.HTTPException):
        return False


def owner(port: int) -> str:
    """Who listens there, as far as this user may know."""
    with suppress(ImportError):
        import psutil

        with suppress(psutil.Error):
            for connection in psutil.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                    return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "another process"
