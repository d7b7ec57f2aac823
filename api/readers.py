"""The few threads that talk to the graph."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from api import metrics

Answer = TypeVar("Answer")


class Readers:
    """As a ThreadPoolExecutor, but of daemon threads: a database that hangs must not keep the service from ending."""

    def __init__(self, number: int) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._number = number
        for _ in range(number):
            Thread(target=self._work, name="graph", daemon=True).start()

    def submit(self, call: Callable[[], Answer]) -> Future[Answer]:
        """The call's result to be, once a thread is free."""
        future: Future[Answer] = Future()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """Let each thread end when it is done; nothing waits for them."""
        for _ in range(self._number):
            self._calls.put(None)

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    with metrics.GRAPH.time():
                        future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            del task, future, call  # a thread that waits holds nothing
