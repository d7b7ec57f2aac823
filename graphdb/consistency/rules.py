"""What must hold of the graph by itself: one query a rule in `cypher/check`, its first line the rule in words."""

from __future__ import annotations

from graphdb.consistency.findings import REMOVES, RESTORE, Finding, Findings
from graphdb.consistency.queries import CheckStore
from graphdb.store import queries

MOST = 1000
"""Violations of one rule that are counted."""
FOLDER = "check/"
COUNTED = {
    "ids": ("videos", "patches", "frames", "parents", "children"),
    "tracks": ("intra",),
    "segments": ("segments",),
    "clusters": ("inter", "children"),
    "snapshots": ("snapshots",),
}
"""By the area that a rule's name begins with: of what it looks at."""
LEFTOVER = "leftover_"
"""How rules begin that have a query of the same ending in `cypher/sweep_*`."""


def rules() -> list[str]:
    """The rules by name, an area's together."""
    return [name.removeprefix(FOLDER) for name in queries.names() if name.startswith(FOLDER)]


def words(rule: str) -> str:
    """The rule as a sentence."""
    return queries.text(FOLDER + rule).partition("\n")[0].removeprefix("// ")


def check_rules(store: CheckStore, findings: Findings) -> None:
    """Ask every rule of the graph but those about leftovers."""
    counts = store.counts()
    for area, things in COUNTED.items():
        findings.count(area, sum(counts[thing] for thing in things))
    for rule in rules():
        if not rule.startswith(LEFTOVER):
            ask(rule, store, findings)


def check_leftovers(store: CheckStore, findings: Findings, mend: bool) -> None:
    """Nodes that an interruption left, swept where `mend` allows it."""
    for rule in rules():
        if rule.startswith(LEFTOVER) and ask(rule, store, findings, REMOVES, mend) and mend:
            store.sweep(rule.removeprefix(LEFTOVER))


def ask(rule: str, store: CheckStore, findings: Findings, cure: str = RESTORE, mended: bool = False) -> int:
    """How often a rule does not hold."""
    count, examples = store.violations(FOLDER + rule, MOST)
    if count:
        findings.found.append(Finding(rule.partition("_")[0], words(rule), count, examples, cure, mended))
    return count
