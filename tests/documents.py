"""Read code blocks, tables and commands from the README and the pages of docs/."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.conftest import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> Path:
    """Return the path of a page of docs/."""
    return ROOT / "docs" / f"{name}.md"


def blocks(path: Path, language: str = "") -> list[str]:
    """Return the fenced blocks of one language."""
    return [text for kind, text in FENCE.findall(path.read_text()) if kind == language]


def rows(path: Path) -> list[list[str]]:
    """Return the cells of all table rows, without the table heads."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        row
        for number, row in enumerate(found)
        if not is_rule(row) and not (number + 1 < len(found) and is_rule(found[number + 1]))
    ]


def is_rule(row: list[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def names(cell: str) -> list[str]:
    """Return the texts in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def typed_commands(path: Path) -> list[str]:
    """Return all `affinity …` commands of a page: lines of blocks, and whole texts in backticks."""
    text = path.read_text()
    in_blocks = [line for _, block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    in_prose = re.findall(r"`(affinity [^`]+)`", FENCE.sub("", text))
    return [line for line in [*in_blocks, *in_prose] if line.startswith("affinity ")]


def split_command(line: str) -> list[str]:
    return [word for word in shlex.split(line, comments=True)[1:] if word != "&"]
