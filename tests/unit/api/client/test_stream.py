"""The schedule of positions: any changing number of readers reads every position once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.stream import BatchStream, Schedule

WORLDS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 6)), min_size=1, max_size=6)
"""Successive worlds: the number of readers, and how many batches each of them takes."""


@given(worlds=WORLDS, batch=st.integers(1, 7), start=st.integers(0, 10**12))
def test_readers_in_any_worlds_read_every_position_once(worlds: list[tuple[int, int]], batch: int, start: int) -> None:
    positions: list[int] = []
    at = start
    for world, steps in worlds:
        schedules = [Schedule(batch=batch, start=at, rank=rank, world=world) for rank in range(world)]
        for schedule in schedules:
            for step in range(steps):
                position = schedule.position(step)
                positions += range(position, position + batch)
        [at] = {schedule.after(steps) for schedule in schedules}
    assert sorted(positions) == list(range(start, at))


def test_a_step_of_all_readers_is_consecutive() -> None:
    """So a global batch has the same pairs in any world: eight readers of 25 read the same as two of 100."""
    eight = {Schedule(batch=25, rank=rank, world=8).position(3) for rank in range(8)}
    two = {Schedule(batch=100, rank=rank, world=2).position(3) for rank in range(2)}
    assert min(eight) == min(two) and max(eight) + 25 == max(two) + 100


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"start": -1}, {"rank": 2, "world": 2}, {"rank": -1}])
def test_an_impossible_schedule_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="rank from 0"):
        Schedule(**wrong)


def test_a_batch_stream_ends_after_its_batches() -> None:
    with BatchStream(lambda position: position, Schedule(batch=10, start=5, rank=1, world=2), batches=3) as stream:
        assert list(stream) == [15, 35, 55]


def test_a_batch_stream_loads_the_same_batch_again_after_an_error() -> None:
    failures = [20]

    def load(position: int) -> int:
        if position in failures:
            failures.remove(position)
            raise ConnectionError(position)
        return position

    with BatchStream(load, Schedule(batch=10), batches=4) as stream:
        assert [next(stream), next(stream)] == [0, 10]
        with pytest.raises(ConnectionError):
            next(stream)
        assert stream.taken == 2
        assert list(stream) == [20, 30]
