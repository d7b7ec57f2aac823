"""Create the constraints and indexes of `cypher/schema.cypher`, and compare them with those of a database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from neo4j import ManagedTransaction

from graphdb.store import queries

STATEMENT = re.compile(
    r"CREATE (?P<kind>CONSTRAINT|INDEX) (?P<name>\w+) IF NOT EXISTS FOR .*?\w:(?P<label>\w+).* "
    r"(?:ON|REQUIRE) (?P<properties>.*)"
)
"""A statement of `cypher/schema.cypher`."""


class Target(NamedTuple):
    """What an index is on."""

    labels: tuple[str, ...]
    """Labels of nodes, or types of relationships."""
    properties: tuple[str, ...]
    unique: bool


@cache
def wanted() -> dict[str, Target]:
    """Return the target of every index of Affinity Graph, by its name. A constraint is an index with unique values."""
    return dict(map(_parse, queries.statements("schema")))


def _parse(statement: str) -> tuple[str, Target]:
    match = STATEMENT.fullmatch(statement)
    if match is None:
        raise ValueError(f"schema.cypher holds a statement of another form: {statement}")
    properties = tuple(re.findall(r"\w\.(\w+)", match["properties"]))
    return match["name"], Target((match["label"],), properties, match["kind"] == "CONSTRAINT")


def targets(rows: Iterable[Mapping[str, Any]]) -> dict[str, Target]:
    """Return the target of every index of a database, by its name, from the rows of the query `indexes`."""
    return {
        row["name"]: Target(tuple(row["labelsOrTypes"] or ()), tuple(row["properties"] or ()), row["unique"])
        for row in rows
    }


def missing(existing: Mapping[str, Target]) -> list[str]:
    """Return the names of the wanted indexes whose target has no index. The index may have another name."""
    return sorted(name for name, target in wanted().items() if target not in existing.values())


def name_collision(existing: Mapping[str, Target]) -> str | None:
    """Describe an existing index that has the name of a wanted one, and another target.

    IF NOT EXISTS would skip the wanted index without an error.
    """
    for name, target in wanted().items():
        if (found := existing.get(name, target)) != target:
            return f"{name} is on {', '.join(found.labels)} ({', '.join(found.properties)})"
    return None


def create(tx: ManagedTransaction) -> None:
    """Create what is missing. If one statement fails, the transaction undoes the others."""
    for statement in queries.statements("schema"):
        tx.run(statement).consume()
