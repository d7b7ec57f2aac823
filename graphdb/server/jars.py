"""Download and verify the jars of the local Neo4j, once per user.

`jars.lock` has one line per jar, in the order of the class path: the SHA-256, the size in bytes, and the coordinate
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

from foundation.errors import DISK_FULL, NO_PERMISSION
from foundation.files import exclusive_lock
from graphdb.errors import JarError, root_cause

LOCK = Path(__file__).with_name("jars.lock")
DOWNLOADS = 6
"""Number of downloads at a time: most jars are small, and each costs a round trip or two."""
RETRY_WAITS = (1, 4, 0)
"""Seconds to wait after each failed attempt."""
FETCH_SECONDS = 3600.0
"""Seconds to wait for another process that downloads the same jars, perhaps over a slow line."""

Fetch = Callable[["Jar", Path], Path]
"""Downloads a jar into a folder, and returns the path of the file."""


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
    """Return the jars in the order of the class path."""
    lines = (line.split() for line in path.read_text().splitlines())
    return [Jar(sha256, int(size), *coordinate.split(":")) for sha256, size, coordinate in lines]


def cache_folder() -> Path:
    """Return the folder that all data folders share: AFFINITY_CACHE, else the platform's cache folder of the user."""
    return Path(os.environ.get("AFFINITY_CACHE") or platformdirs.user_cache_path("affinity-graph")).expanduser()


class JarFolder:
    """The jars on disk. A jar gets its final name only after it was verified."""

    def __init__(self, folder: Path, jars: Sequence[Jar]) -> None:
        self.folder = folder
        self.jars = jars

    @property
    def paths(self) -> list[Path]:
        return [self.folder / jar.name for jar in self.jars]

    def complete(self, fetch: Fetch, console: Console) -> list[Path]:
        """Download the jars that are missing, and return the class path.

        An interrupted download continues with the next call: jars that were verified before stay. Raises JarError and
        LockTimeout.
        """
        with exclusive_lock(self.folder / ".lock", FETCH_SECONDS, "fetching Neo4j"):
            missing = [jar for jar in self.jars if not self._is_complete(jar)]
            if missing:
                self._fetch(missing, fetch, console)
        return self.paths

    def verify(self) -> None:
        """Read every jar again. Raises JarError, and removes the jar, if its content is not what the lock says."""
        for jar, path in zip(self.jars, self.paths, strict=True):
            verify(jar, path)

    def _is_complete(self, jar: Jar) -> bool:
        path = self.folder / jar.name
        return path.is_file() and path.stat().st_size == jar.size

    def _fetch(self, missing: list[Jar], fetch: Fetch, console: Console) -> None:
        # This process holds the lock, so these were left by an interrupted download.
        for leftover in self.folder.glob(".fetch-*"):
            shutil.rmtree(leftover, ignore_errors=True)
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

    def _fetch_one(self, jar: Jar, fetch: Fetch, scratch: Path) -> Jar:
        path = fetch(jar, scratch)
        verify(jar, path)
        path.replace(self.folder / jar.name)
        return jar


@contextmanager
def progress(total: int, console: Console) -> Iterator[Callable[[int], object]]:
    """Show a progress bar over `total` bytes, and yield the function that advances it."""
    console.print(f"Fetching Neo4j ({total / 1e6:.0f} MB, once) …", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Neo4j", total=total)
        yield lambda size: bar.advance(task, size)


def verify(jar: Jar, path: Path) -> None:
    """Raise JarError, and remove the file, if its SHA-256 is not that of the lock."""
    found = sha256(path)
    if found != jar.sha256:
        path.unlink()
        raise JarError(
            f"{jar.coordinate} was refused and removed: its SHA-256 is {found}, the lock says {jar.sha256}. Run the "
            "command again; if the same happens, something between this machine and the registry changes files."
        )


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unavailable(jar: Jar, reason: str) -> JarError:
    return JarError(
        f"Neo4j's {jar.coordinate} could not be downloaded: {reason}. What was downloaded before stays: check the "
        "network and run the command again, or name your own server with NEO4J_URI."
    )


def fetch_from_registry(jar: Jar, folder: Path) -> Path:
    """Download a jar into a folder with jgo, which knows where jars are published. Raises JarError."""
    from jgo.maven import MavenContext

    # Without local repositories, every jar is downloaded into the folder, and then verified.
    context = MavenContext(repo_cache=folder, local_repos=[], timeout=30)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact(classifier=jar.classifier)
    for wait in RETRY_WAITS:
        try:
            return artifact.resolve()
        except (RuntimeError, OSError) as error:  # jgo's own, and those of the HTTP library, which are OSErrors
            if isinstance(error, OSError) and error.errno in (*DISK_FULL, *NO_PERMISSION):
                raise  # not a fault of the network: another attempt would fail too
            failure = error
            if partial := artifact.cached_path:
                partial.unlink(missing_ok=True)
            time.sleep(wait)
    raise unavailable(jar, root_cause(failure)) from failure
