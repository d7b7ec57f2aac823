"""Results are computed ahead in threads and come in the order of the keys."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing

import pytest

from api.client.prefetch import Prefetch

NEVER = threading.Event()


def test_results_come_in_the_order_of_the_keys_for_any_durations() -> None:
    def load(key: int) -> int:
        time.sleep(random.Random(key).uniform(0, 0.01))
        return key * key

    with closing(Prefetch(load, range(3, 60, 2), threads=4, ahead=8)) as results:
        assert [results.take(NEVER) for _ in range(3, 60, 2)] == [key * key for key in range(3, 60, 2)]


def test_no_more_than_ahead_results_are_started() -> None:
    started: list[int] = []
    with closing(Prefetch(started.append, range(100), threads=2, ahead=5)) as results:
        while len(started) < 5:
            time.sleep(0.001)
        time.sleep(0.05)
        assert sorted(started) == [0, 1, 2, 3, 4]
        results.take(NEVER)
        while len(started) < 6:
            time.sleep(0.001)
        time.sleep(0.05)
        assert len(started) == 6


def test_an_error_is_raised_in_the_place_of_its_result() -> None:
    def load(key: int) -> int:
        if key == 2:
            raise ValueError("two")
        return key

    with closing(Prefetch(load, range(4), threads=2, ahead=4)) as results:
        assert [results.take(NEVER), results.take(NEVER)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            results.take(NEVER)
        assert results.take(NEVER) == 3


def test_a_timeout_error_of_the_loader_is_raised() -> None:
    def load(key: int) -> int:
        raise TimeoutError("the loader's own")

    with closing(Prefetch(load, range(1), threads=1, ahead=1)) as results, pytest.raises(TimeoutError, match="own"):
        results.take(NEVER)


def test_stop_ends_the_wait_and_loses_no_result() -> None:
    stop, proceed = threading.Event(), threading.Event()

    def load(key: int) -> int:
        proceed.wait()
        return key

    with closing(Prefetch(load, range(2), threads=1, ahead=2)) as results:
        threading.Timer(0.05, stop.set).start()
        assert results.take(stop) is None
        proceed.set()
        assert results.take(NEVER) == 0


def test_stop_comes_before_a_result_that_is_ready() -> None:
    stop = threading.Event()
    with closing(Prefetch(int, range(9), threads=1, ahead=9)) as results:
        assert results.take(stop) == 0
        stop.set()
        assert results.take(stop) is None


def test_the_time_spent_in_take_is_counted() -> None:
    with closing(Prefetch(lambda key: time.sleep(0.1), range(1), threads=1, ahead=1)) as results:
        results.take(NEVER)
        assert results.waited > 0.05


def test_take_raises_index_error_after_the_last_key() -> None:
    with closing(Prefetch(int, range(1), threads=1, ahead=4)) as results:
        results.take(NEVER)
        with pytest.raises(IndexError):
            results.take(NEVER)
