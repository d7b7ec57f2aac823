"""The threads that call the graph are free again after an answer that never comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from api.sampling.executor import GraphExecutor


class Graph:
    """Never answers; `reconnect` makes all calls in progress fail."""

    def __init__(self) -> None:
        self.num_reconnects = 0
        self._cut = threading.Event()

    def hang(self) -> None:
        self._cut.wait()
        raise ConnectionError("cut off")

    def reconnect(self) -> None:
        self.num_reconnects += 1
        self._cut.set()


@pytest.fixture
def graph() -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.reconnect()


def test_the_next_call_cuts_off_calls_that_hang(graph: Graph) -> None:
    executor = GraphExecutor(2, hang_seconds=0.1, reconnect=graph.reconnect)
    hanging = [executor.submit(graph.hang) for _ in range(2)]
    queued = executor.submit(lambda: "queued")
    time.sleep(0.2)
    assert executor.submit(lambda: "next").result(timeout=30) == "next"
    assert queued.result(timeout=30) == "queued"
    assert all(isinstance(one.exception(timeout=30), ConnectionError) for one in hanging)
    assert graph.num_reconnects == 1
    executor.close()


def test_successive_slow_calls_are_not_cut_off(graph: Graph) -> None:
    executor = GraphExecutor(1, hang_seconds=0.5, reconnect=graph.reconnect)
    for _ in range(4):
        executor.submit(lambda: time.sleep(0.2)).result(timeout=30)
    time.sleep(0.6)
    executor.submit(int).result(timeout=30)
    assert graph.num_reconnects == 0
    executor.close()
