"""evaluations.jsonl: a line for each evaluation in the middle of a training, with its step.

On resume, lines after the checkpoint go, as those of the metrics do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.files import write_whole


def append_evaluation(path: Path, found: Mapping[str, Any]) -> None:
    """Add one, with its `step` in it."""
    with path.open("a") as file:
        file.write(json.dumps(dict(found)) + "\n")


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """Those of a file, up to the first that was cut short by a crash; none where there is no file."""
    found: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def cut_evaluations(path: Path, step: int) -> None:
    """Forget those of steps after this one."""
    if path.exists():
        kept = [found for found in read_evaluations(path) if found["step"] <= step]
        write_whole(path, lambda file: file.write("".join(f"{json.dumps(found)}\n" for found in kept).encode()))
