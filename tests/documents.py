"""The README and the pages of docs/, as tests read them: blocks of code, tables, commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer

from tests.conftest import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> Path:
    """A page of docs/."""
    return ROOT / "docs" / f"{name}.md"


def blocks(path: Path, language: str = "") -> list[str]:
    """The fenced blocks of one language."""
    return [text for kind, text in FENCE.findall(path.read_text()) if kind == language]


def rows(path: Path) -> list[list[str]]:
    """The rows of all tables, heads left out, without the backticks of single names."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        row for at, row in enumerate(found) if not is_rule(row) and not (at + 1 < len(found) and is_rule(found[at + 1]))
    ]


def is_rule(row: list[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def names(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def typed_commands(path: Path) -> list[str]:
    """Every `affinity …` that a reader could type: lines of blocks, and whole spans in backticks."""
    text = path.read_text()
    in_blocks = [line for _, block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    in_prose = re.findall(r"`(affinity [^`]+)`", FENCE.sub("", text))
    return [line for line in [*in_blocks, *in_prose] if line.startswith("affinity ")]


def split_command(line: str) -> list[str]:
    return [word for word in shlex.split(line, comments=True)[1:] if word != "&"]


def commands(app: typer.Typer) -> dict[str, set[str]]:
    """Every command and the options that it takes."""
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        for child, of in getattr(command, "commands", {}).items():
            walk(of, f"{name} {child}".strip())
        if not hasattr(command, "commands"):
            found[name] = {
                option
                for parameter in command.params  # type: ignore[attr-defined]
                for option in [*parameter.opts, *parameter.secondary_opts]
                if option.startswith("-")
            }

    walk(typer.main.get_command(app), "")
    return found
