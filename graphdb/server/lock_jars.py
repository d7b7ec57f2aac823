"""Write `jars.lock` again: `python -m graphdb.server.lock_jars`. Run it after changing the versions below.

It resolves the jars of the server, downloads each one, and records its size and SHA-256. Read the difference before you
commit it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from graphdb.server.jars import DOWNLOADS, LOCK, Jar, fetch_from_registry, sha256

COORDINATES = (
    "org.neo4j:neo4j:2026.09.0",
    "org.neo4j.app:neo4j-server:2026.09.0",
    "org.neo4j.client:neo4j-browser:5.15.0",
)


def main() -> None:
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        lines = list(pool.map(lock_line, resolve()))
    LOCK.write_text("".join(lines))
    print(f"{LOCK}: {len(lines)} jars")


def resolve() -> list[Jar]:
    """Return every jar of the server in the order of the class path, without sizes and hashes."""
    import jgo

    return [
        Jar("", 0, found.groupId, found.artifactId, found.version, found.classifier or "")
        for found in jgo.resolve("+".join(COORDINATES))
    ]


def lock_line(jar: Jar) -> str:
    """Download the jar, and return its line of the lock."""
    with TemporaryDirectory() as scratch:
        path = fetch_from_registry(jar, Path(scratch))
        return f"{sha256(path)} {path.stat().st_size} {jar.coordinate}\n"


if __name__ == "__main__":
    main()
