"""A check and its result, and how the checks run: at the same time, and a failing one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    state: State
    found: str
    remedy: str = ""


Examination = Callable[[], Iterable[Check]]


def examine(examinations: Iterable[Examination]) -> Iterator[Check]:
    """Run all examinations in threads; yields their checks in order."""
    with ThreadPoolExecutor() as pool:
        for checks in pool.map(_examine, examinations):
            yield from checks


def _examine(examination: Examination) -> list[Check]:
    try:
        return list(examination())
    except Exception as error:  # One failing check must not hide the results of the others.
        function = getattr(examination, "func", examination)
        name = function.__name__.replace("_", " ")
        return [Check(name, "problem", f"could not be checked: {type(error).__name__}: {error}")]


def counted(number: int, of: str) -> str:
    return f"{number} {of}" + ("s" if number != 1 else "")


def gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
