"""The loop that engines share: how many tasks are in flight, and which of them after a failure."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from ingest.engine.base import run_in_flight


def double(task: int) -> int:
    return 2 * task


def test_every_task_is_run_once_and_never_more_than_the_limit_at_a_time() -> None:
    in_flight: dict[int, int] = {}
    sizes: list[int] = []

    def oldest(handles: Collection[int]) -> list[int]:
        sizes.append(len(handles))
        return [min(handles)]

    assert list(run_in_flight(range(7), in_flight, 3, double, oldest)) == [(2 * task, task) for task in range(7)]
    assert sizes == [3, 3, 3, 3, 3, 2, 1]
    assert not in_flight


def test_after_a_failure_the_tasks_in_flight_are_known() -> None:
    in_flight: dict[int, int] = {}

    def fail(handles: Collection[int]) -> list[int]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        list(run_in_flight(range(7), in_flight, 3, double, fail))
    assert list(in_flight.values()) == [0, 1, 2]
