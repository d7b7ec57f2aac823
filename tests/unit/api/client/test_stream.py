"""Who reads which positions: readers of any number, joining and leaving, give every position once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.stream import Schedule

WORLDS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 6)), min_size=1, max_size=6)
"""Worlds one after another: how many readers, and how many batches each of them takes."""


@given(worlds=WORLDS, batch=st.integers(1, 7), start=st.integers(0, 10**12))
def test_readers_in_any_worlds_give_every_position_once_and_leave_none_out(
    worlds: list[tuple[int, int]], batch: int, start: int
) -> None:
    given: list[int] = []
    at = start
    for world, steps in worlds:
        schedules = [Schedule(batch=batch, start=at, rank=rank, world=world) for rank in range(world)]
        for schedule in schedules:
            for step in range(steps):
                position = schedule.position(step)
                given += range(position, position + batch)
        [at] = {schedule.after(steps) for schedule in schedules}
    assert sorted(given) == list(range(start, at))


def test_a_step_of_the_world_is_consecutive() -> None:
    """So that a global batch is the same pairs whatever the world: eight readers of 25 read what two of 100 do."""
    eight = {Schedule(batch=25, rank=rank, world=8).position(3) for rank in range(8)}
    two = {Schedule(batch=100, rank=rank, world=2).position(3) for rank in range(2)}
    assert min(eight) == min(two) and max(eight) + 25 == max(two) + 100


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"start": -1}, {"rank": 2, "world": 2}, {"rank": -1}])
def test_what_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="rank from 0"):
        Schedule(**wrong)
