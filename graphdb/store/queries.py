"""Load the Cypher queries of the project: one file each in `cypher/`, which can be pasted into Neo4j Browser."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from neo4j import Query

FOLDER = Path(__file__).parents[1] / "cypher"


@cache
def text(name: str) -> str:
    """Return the query in `cypher/<name>.cypher`."""
    return (FOLDER / f"{name}.cypher").read_text()


def query(name: str, timeout: float | None = None) -> Query:
    """Return the query with a timeout in seconds, and with its name for `SHOW TRANSACTIONS` and the query log."""
    return Query(text(name), metadata={"query": name}, timeout=timeout)


def statements(name: str) -> list[str]:
    """Return the statements of a file that holds several, such as `schema`."""
    lines = (line for line in text(name).splitlines() if not line.startswith("//"))
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def names() -> list[str]:
    """Return the name of every query."""
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.cypher"))
