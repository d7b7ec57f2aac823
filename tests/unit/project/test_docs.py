"""Compare the documented settings, commands and variables with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram

from affinity import reference
from api import metrics
from api.problems import PROBLEM_TYPES
from tests.conftest import ROOT
from tests.documents import FENCE, PAGES, names, page, rows, split_command, typed_commands

COMMANDS = reference.commands()
ALL_STATUSES = {str(kind.status) for kind in PROBLEM_TYPES.values()}
PACKAGES = ("affinity", "foundation", "graphdb", "ingest", "api", "trainer")


def test_the_settings_reference_is_current() -> None:
    """`make docs` writes the tables: all settings and options with default, limits and the value of the paper."""
    text = reference.PAGE.read_text()
    assert reference.page(text) == text
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == {
        *reference.SETTINGS,
        "variables",
        "commands",
        "options",
    }


def test_all_options_of_all_commands_are_documented() -> None:
    listed = {names(row[0])[0] for row in rows(reference.PAGE) if row[0].startswith("`--")}
    negative = {f"--no-{option.removeprefix('--')}" for option in listed}
    options = {option for taken in COMMANDS.values() for option in taken} - {"-y"}
    assert options - listed - negative == set() and listed - options == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_all_documented_commands_exist_with_their_options(path: Path) -> None:
    wrong = []
    for line in typed_commands(path):
        words = split_command(line)
        name = max((name for name in COMMANDS if words[: len(name.split())] == name.split()), key=len, default=None)
        if name is None:
            wrong.append(line)
            continue
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if name != "graph admin" and options - COMMANDS[name] - {"--help"}:
            wrong.append(line)
    assert wrong == []


def test_exactly_the_variables_that_the_code_reads_are_documented() -> None:
    variable = re.compile(r"""["']((?:AFFINITY|NEO4J)_[A-Z_]+)["']""")
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "reference.py"]
    read = {name for path in sources for name in variable.findall(path.read_text())}
    # The code sets these for Neo4j and does not read them.
    read -= {"NEO4J_HOME", "NEO4J_CONF"}
    documented = {name for row in rows(reference.PAGE) for name in names(row[0]) if name.isupper()}
    assert documented == read


def test_the_documented_metrics_are_those_of_the_service() -> None:
    families = [one for one in vars(metrics).values() if isinstance(one, Counter | Gauge | Histogram)]
    counted = {one._name + "_total" * isinstance(one, Counter): list(one._labelnames) for one in families}
    found = {
        names(row[0])[0]: names(row[1]) for row in rows(page("reference/service")) if row[0].startswith("`affinity_")
    }
    assert found == counted


def test_the_documented_problems_are_those_of_the_api() -> None:
    found = {
        names(row[0])[0]: (int(row[1]), row[2]) for row in rows(page("reference/http-api")) if row[1] in ALL_STATUSES
    }
    assert found == {name: (kind.status, kind.meaning) for name, kind in PROBLEM_TYPES.items()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_linked_and_named_files_exist(path: Path) -> None:
    prose = FENCE.sub("", path.read_text())
    linked = [path.parent / target for target in re.findall(r"\]\(([^)#:]+)\)", prose)]
    spelled = [
        ROOT / name
        for name in names(prose)
        if re.fullmatch(r"(affinity|foundation|graphdb|ingest|api|trainer|docs|samples|tests)/[\w./-]*\w", name)
    ]
    assert [str(file) for file in [*linked, *spelled] if not file.exists()] == []
