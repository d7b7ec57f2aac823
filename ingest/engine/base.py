"""TODO."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


R = TypeVar("R")


TASKS_PER_WORKER = 2
"""Tasks in flight a worker: enough to keep it busy, few enough to bound the memory of what waits to be written."""


class Engine(Protocol):
    """What the stages know of where they run."""

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        """Each task with its result, or with the exception it ended in, in any order."""
