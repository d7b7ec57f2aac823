"""What a check is, and how one that takes long or falls over is kept from ending the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    remedy: str = ""


Examination = Callable[[], Iterable[Check]]


def examine(examinations: Iterable[Examination]) -> Iterator[Check]:
    """The checks of every examination, in order; those that wait for something wait together."""
    with ThreadPoolExecutor() as pool:
        for checks in pool.map(_examine, examinations):
            yield from checks


def _examine(examination: Examination) -> list[Check]:
    try:
        return list(examination())
    except Exception as error:  # whatever it is: the others still have something to say
        function = getattr(examination, "func", examination)
        name = function.__name__.replace("_", " ")
        return [Check(name, "problem", f"could not be looked at: {type(error).__name__}: {error}")]


def counted(number: int, of: str) -> str:
    return f"{number} {of}" + ("s" if number != 1 else "")


def gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
