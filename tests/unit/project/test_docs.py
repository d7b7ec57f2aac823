"""What the pages say of settings, commands and variables is what the code has."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram

import affinity.cli
from api import metrics
from api.problems import PROBLEM_TYPES
from ingest.settings import ClusterSettings, MiningSettings
from tests.conftest import ROOT
from tests.documents import FENCE, PAGES, commands, names, page, rows, split_command, typed_commands
from trainer.settings import RuntimeSettings, TrainSettings

COMMANDS = commands(affinity.cli.app)
ALL_STATUSES = {str(kind.status) for kind in PROBLEM_TYPES.values()}
ROOMS = ("graphdb", "ingest", "api", "trainer")


def documented(path: Path, code: Any, left_out: Container[str] = ()) -> dict[str, str]:
    """Name and default of the fields of `code`, from the first table of a page that has them."""
    wanted = {field.name for field in fields(code) if field.name not in left_out}
    found: dict[str, str] = {}
    for row in rows(path):
        for name in names(row[0]):
            if (plain := name.removeprefix("--").replace("-", "_")) in wanted:
                found.setdefault(plain, row[1].strip("`"))
    return found


@pytest.mark.parametrize(
    ("name", "code", "left_out"),
    [
        ("ingest", MiningSettings, {"frames"}),  # --frames is an option of the run
        ("ingest", ClusterSettings, set()),
        ("training", TrainSettings, set()),
        ("training", RuntimeSettings, set()),
    ],
)
def test_every_setting_stands_in_its_page_with_its_default(name: str, code: Any, left_out: set[str]) -> None:
    found = documented(page(name), code, left_out)
    wanted = {field.name: field.default for field in fields(code) if field.name not in left_out}
    assert set(found) == set(wanted)
    assert {key: text for key, text in found.items() if not says(text, wanted[key])} == {}


def says(text: str, value: Any) -> bool:
    if value is None:
        return text in ("by the data", "by the extractor", "unset")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(text.replace(",", "")) == pytest.approx(value, abs=5e-5)
    return text == str(value)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("ingest", ["ingest"]),
        ("training", ["train", "export-weights"]),
        ("evaluation", ["evaluate knn", "evaluate distances", "evaluate context"]),
        ("operations", ["serve", "keys create", "keys list", "keys revoke"]),
    ],
)
def test_every_option_of_a_command_is_explained(name: str, of: list[str]) -> None:
    text = page(name).read_text()
    options = {option for command in of for option in COMMANDS[command]} - {"--help", "-h"}
    if name == "ingest":  # the tables of settings explain these
        options = {
            option for option in options if option[2:].replace("-", "_") not in documented(page(name), ClusterSettings)
        }
    assert [option for option in sorted(options) if f"`{option}" not in text and f", `{option}" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_that_a_page_shows_exists_with_these_options(path: Path) -> None:
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


def test_every_variable_that_the_code_reads_is_explained_and_no_other() -> None:
    variable = re.compile(r"""["']((?:AFFINITY|NEO4J)_[A-Z_]+)["']""")
    sources = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    read = {name for path in sources for name in variable.findall(path.read_text())}
    # Told to Neo4j, not read by us.
    read -= {"NEO4J_HOME", "NEO4J_CONF"}
    explained = {name for row in rows(page("operations")) for name in names(row[0]) if name.isupper()}
    assert explained == read


def test_the_metrics_of_the_page_are_those_that_the_service_counts() -> None:
    families = [one for one in vars(metrics).values() if isinstance(one, Counter | Gauge | Histogram)]
    counted = {one._name + "_total" * isinstance(one, Counter): list(one._labelnames) for one in families}
    found = {names(row[0])[0]: names(row[1]) for row in rows(page("operations")) if row[0].startswith("`affinity_")}
    assert found == counted


def test_the_problems_of_the_api_are_those_that_it_answers_with() -> None:
    found = {names(row[0])[0]: (int(row[1]), row[2]) for row in rows(page("http-api")) if row[1] in ALL_STATUSES}
    assert found == {name: (kind.status, kind.meaning) for name, kind in PROBLEM_TYPES.items()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_and_files_that_a_page_names_exist(path: Path) -> None:
    prose = FENCE.sub("", path.read_text())
    linked = [path.parent / target for target in re.findall(r"\]\(([^)#:]+)\)", prose)]
    spelled = [
        ROOT / name
        for name in names(prose)
        if re.fullmatch(r"(graphdb|ingest|api|trainer|docs|samples|tests)/[\w./-]*\w", name)
    ]
    assert [str(file) for file in [*linked, *spelled] if not file.exists()] == []
