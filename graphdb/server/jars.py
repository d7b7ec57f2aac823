"""The jars that make up the local Neo4j: named by a lock, fetched once a user, verified before use.

`jars.lock` holds a line a jar, in class path order: SHA-256, bytes, and the coordinate
`group:artifact:version[:classifier]`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from foundation.errors import CLOSED, FULL
from foundation.files import alone
from graphdb.errors import JarMismatch, JarsUnavailable, reason

LOCK = Path(__file__).with_name("jars.lock")
DOWNLOADS = 6
"""Jars fetched at a time: most are small, and each costs a round trip or two."""
WAITS = (1, 4, 0)
"""Seconds to wait after each attempt that failed."""
FETCH_SECONDS = 3600.0
"""How long to wait for another process that is fetching the same jars over a slow line."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    sha256: str
    size: int
    group: str
    artifact: str
    version: str
    classifier: str = ""

    @property
    def coordinate(self) -> str:
        return ":".join(filter(None, (self.group, self.artifact, self.version, self.classifier)))

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.artifact, self.version, self.classifier))) + ".jar"


def read_lock(path: Path = LOCK) -> list[Jar]:
    """The jars in class path order."""
    lines = (line.split() for line in path.read_text().splitlines())
    return [Jar(sha256, int(size), *coordinate.split(":")) for sha256, size, coordinate in lines]


def cache_folder() -> Path:
    """What every data folder shares: AFFINITY_CACHE, else the platform's cache folder of the user."""
    return Path(os.environ.get("AFFINITY_CACHE") or platformdirs.user_cache_path("affinity-graph")).expanduser()


class JarFolder:
    """The jars on disk. A jar that carries its final name has been verified."""

    def __init__(self, folder: Path, jars: Sequence[Jar]) -> None:
        self.folder = folder
        self.jars = jars

    @property
    def paths(self) -> list[Path]:
        return [self.folder / jar.name for jar in self.jars]

    def complete(self, fetch: Callable[[Jar, Path], Path], console: Console) -> list[Path]:
        """The class path, after fetching what is missing.

        `fetch` puts a jar into a folder and names the file. Raises JarsUnavailable and JarMismatch; what was verified
        before stays, so a download that was cut goes on where it stopped.
        """
        with alone(self.folder / ".lock", FETCH_SECONDS, "fetching Neo4j"):
            missing = [jar for jar in self.jars if not self._is_there(jar)]
            if missing:
                self._fetch(missing, fetch, console)
        return self.paths

    def verify(self) -> None:
        """Read every jar again. Raises JarMismatch, and removes the jar, where it is not the lock's."""
        for jar, path in zip(self.jars, self.paths, strict=True):
            verify(jar, path)

    def _is_there(self, jar: Jar) -> bool:
        path = self.folder / jar.name
        return path.is_file() and path.stat().st_size == jar.size

    def _fetch(self, missing: list[Jar], fetch: Callable[[Jar, Path], Path], console: Console) -> None:
        # Whoever holds the lock owns the folder, so what an interrupted download left behind can go.
        for left in self.folder.glob(".fetch-*"):
            shutil.rmtree(left, ignore_errors=True)
        with (
            TemporaryDirectory(prefix=".fetch-", dir=self.folder, ignore_cleanup_errors=True) as scratch,
            progress(sum(jar.size for jar in missing), console) as advance,
            ThreadPoolExecutor(DOWNLOADS) as pool,
        ):
            try:
                for jar in pool.map(lambda jar: self._fetch_one(jar, fetch, Path(scratch)), missing):
                    advance(jar.size)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _fetch_one(self, jar: Jar, fetch: Callable[[Jar, Path], Path], scratch: Path) -> Jar:
        path = fetch(jar, scratch)
        verify(jar, path)
        path.replace(self.folder / jar.name)
        return jar


@contextmanager
def progress(total: int, console: Console) -> Iterator[Callable[[int], object]]:
    """A bar over `total` bytes, and the function that moves it."""
    console.print(f"Fetching Neo4j ({total / 1e6:.0f} MB, once) …", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Neo4j", total=total)
        yield lambda size: bar.advance(task, size)


def verify(jar: Jar, path: Path) -> None:
    """Raises JarMismatch, and removes the file, where its bytes are not the lock's."""
    found = sha256(path)
    if found != jar.sha256:
        path.unlink()
        raise JarMismatch(jar.coordinate, jar.sha256, found)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def from_registry(jar: Jar, folder: Path) -> Path:
    """Fetch a jar into a folder, by jgo, which knows where jars are published. Raises JarsUnavailable."""
    import requests
    from jgo.maven import MavenContext

    # No local repository beside the folder: every jar is fetched, then verified.
    context = MavenContext(repo_cache=folder, local_repos=[], timeout=30)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact(classifier=jar.classifier)
    for wait in WAITS:
        try:
            return artifact.resolve()
        except (requests.RequestException, RuntimeError, OSError) as error:
            if isinstance(error, OSError) and error.errno in (*FULL, *CLOSED):
                raise  # no fault of the network: it stays so, however often we ask
            failure = error
            if half := artifact.cached_path:
                half.unlink(missing_ok=True)
            time.sleep(wait)
    raise JarsUnavailable(jar.coordinate, reason(failure)) from failure
