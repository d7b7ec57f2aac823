"""The threads that talk to the graph are free again after an answer that never comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from api.sampling.executor import GraphExecutor


class Graph:
    """Answers nothing until somebody connects anew, which cuts short what was asked before."""

    def __init__(self) -> None:
        self.reconnected = 0
        self._cut = threading.Event()

    def hang(self) -> None:
        self._cut.wait()
        raise ConnectionError("cut short")

    def reconnect(self) -> None:
        self.reconnected += 1
        self._cut.set()


@pytest.fixture
def graph() -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.reconnect()


def test_an_answer_that_never_comes_is_given_up_by_whoever_asks_next(graph: Graph) -> None:
    readers = GraphExecutor(2, hang_seconds=0.1, reconnect=graph.reconnect)
    hanging = [readers.submit(graph.hang) for _ in range(2)]
    behind = readers.submit(lambda: "behind")
    time.sleep(0.2)
    assert readers.submit(lambda: "next").result(timeout=30) == "next"
    assert behind.result(timeout=30) == "behind"
    assert all(isinstance(one.exception(timeout=30), ConnectionError) for one in hanging)
    assert graph.reconnected == 1
    readers.close()


def test_calls_that_take_long_one_after_another_are_not_lost(graph: Graph) -> None:
    readers = GraphExecutor(1, hang_seconds=0.5, reconnect=graph.reconnect)
    for _ in range(4):
        readers.submit(lambda: time.sleep(0.2)).result(timeout=30)
    time.sleep(0.6)
    readers.submit(int).result(timeout=30)
    assert graph.reconnected == 0
    readers.close()
