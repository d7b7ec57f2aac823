"""Write `jars.lock` anew: `python -m graphdb.server.lock_jars`, after a change of the versions below.

Resolves what the server needs, fetches every jar and notes its size and SHA-256. Read the difference before committing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from graphdb.server.jars import DOWNLOADS, LOCK, Jar, from_registry, sha256

WANTED = (
    "org.neo4j:neo4j:2026.09.0",
    "org.neo4j.app:neo4j-server:2026.09.0",
    "org.neo4j.client:neo4j-browser:5.15.0",
)


def resolve() -> list[Jar]:
    """Every jar of the server in class path order, sizes and sums still unknown."""
    import jgo

    return [
        Jar("", 0, found.groupId, found.artifactId, found.version, found.classifier or "")
        for found in jgo.resolve("+".join(WANTED))
    ]


def line(jar: Jar) -> str:
    """The jar's line of the lock, from a copy fetched for it."""
    with TemporaryDirectory() as scratch:
        path = from_registry(jar, Path(scratch))
        return f"{sha256(path)} {path.stat().st_size} {jar.coordinate}\n"


def main() -> None:
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        lines = list(pool.map(line, resolve()))
    LOCK.write_text("".join(lines))
    print(f"{LOCK}: {len(lines)} jars")


if __name__ == "__main__":
    main()
