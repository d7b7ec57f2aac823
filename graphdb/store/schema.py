"""The constraints and indexes: there before anything is written, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from neo4j import ManagedTransaction

from graphdb.store import queries

Target = tuple[tuple[str, ...], tuple[str, ...], bool]
"""Labels or types, properties, and whether their values are unique."""

STATEMENT = re.compile(r"CREATE (CONSTRAINT|INDEX) (\w+) IF NOT EXISTS FOR .*?\w:(\w+).* (?:ON|REQUIRE) (.*)")


def wanted() -> dict[str, Target]:
    """By its name, what every index of ours is on."""
    found = (STATEMENT.fullmatch(statement) for statement in queries.statements("schema"))
    return {
        match[2]: ((match[3],), tuple(re.findall(r"\w\.(\w+)", match[4])), match[1] == "CONSTRAINT")
        for match in found
        if match is not None
    }


def targets(rows: Iterable[Mapping[str, Any]]) -> dict[str, Target]:
    """By its name, what every index of a database is on, from the rows of `indexes`."""
    return {
        row["name"]: (tuple(row["labelsOrTypes"] or ()), tuple(row["properties"] or ()), row["unique"]) for row in rows
    }


def missing(there: Mapping[str, Target]) -> list[str]:
    """The names of ours that nothing there stands for, under whatever name."""
    served = set(there.values())
    return sorted(name for name, target in wanted().items() if target not in served)


def taken(there: Mapping[str, Target]) -> str | None:
    """An index of somebody else that has the name of one of ours: IF NOT EXISTS would be silent about it."""
    for name, target in wanted().items():
        if there.get(name, target) != target:
            labels, properties = (", ".join(names) for names in there[name][:2])
            return f"{name} is on {labels} ({properties})"
    return None


def create(tx: ManagedTransaction) -> None:
    """Create what is missing; the transaction takes back all of it where anything fails."""
    for statement in queries.statements("schema"):
        tx.run(statement).consume()
