"""Check the rules that the graph must satisfy: one query each in `cypher/check`, whose first line is the rule."""

from __future__ import annotations

from graphdb.consistency.findings import REMOVES, RESTORE, Finding, Findings
from graphdb.consistency.queries import CheckStore
from graphdb.store import queries

MAX_COUNT = 1000
"""Violations of one rule that are counted."""
FOLDER = "check/"
COUNTED = {
    "ids": ("videos", "patches", "frames", "parents", "children"),
    "tracks": ("intra",),
    "segments": ("segments",),
    "clusters": ("inter", "children"),
    "snapshots": ("snapshots",),
}
"""For each area, which starts the name of a rule: the things that its rules check."""
LEFTOVER = "leftover_"
"""Starts the names of rules about leftovers. `cypher/sweep_<rest of the name>` removes them."""


def rules() -> list[str]:
    """Return the names of all rules, sorted by area."""
    return [name.removeprefix(FOLDER) for name in queries.names() if name.startswith(FOLDER)]


def rule_text(rule: str) -> str:
    """Return the rule as a sentence."""
    return queries.text(FOLDER + rule).partition("\n")[0].removeprefix("// ")


def check_rules(store: CheckStore, findings: Findings) -> None:
    """Check every rule except those about leftovers."""
    counts = store.counts()
    for area, things in COUNTED.items():
        findings.count(area, sum(counts[thing] for thing in things))
    for rule in rules():
        if not rule.startswith(LEFTOVER):
            check_rule(rule, store, findings)


def check_leftovers(store: CheckStore, findings: Findings, repair: bool) -> None:
    """Look for nodes that an interruption left, and remove them with `repair`."""
    for rule in rules():
        if rule.startswith(LEFTOVER) and check_rule(rule, store, findings, REMOVES, repair) and repair:
            store.sweep(rule.removeprefix(LEFTOVER))


def check_rule(rule: str, store: CheckStore, findings: Findings, remedy: str = RESTORE, repaired: bool = False) -> int:
    """Add a finding if the rule is violated, and return the number of violations."""
    count, examples = store.violations(FOLDER + rule, MAX_COUNT)
    if count:
        findings.found.append(Finding(rule.partition("_")[0], rule_text(rule), count, examples, remedy, repaired))
    return count
