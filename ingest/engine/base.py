"""The interface of an engine, which runs functions in worker processes, and the loop that its implementations share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
H = TypeVar("H")
"""A handle of a running task."""

TASKS_PER_WORKER = 2
"""Tasks in flight for each worker: enough to keep it busy, few enough to bound the memory of waiting results."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment variables that limit the native libraries of a worker to one thread."""


class Engine(Protocol):
    """Runs functions of the stages."""

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        """Yield each task with its result, or with the exception that ended it, in any order."""


def run_in_flight(
    tasks: Iterable[T],
    in_flight: dict[H, T],
    limit: int,
    submit: Callable[[T], H],
    wait_for_any: Callable[[Collection[H]], Iterable[H]],
) -> Iterator[tuple[H, T]]:
    """Run tasks, at most `limit` at a time, and yield each finished one with its handle.

    `wait_for_any` returns at least one finished handle. `in_flight` holds the tasks that are not finished, and the one
    that was yielded last: if something fails, the caller finds them there.
    """
    remaining = iter(tasks)
    while True:
        for task in islice(remaining, limit - len(in_flight)):
            in_flight[submit(task)] = task
        if not in_flight:
            return
        for handle in wait_for_any(in_flight):
            yield handle, in_flight[handle]
            del in_flight[handle]
