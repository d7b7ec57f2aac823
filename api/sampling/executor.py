"""The few threads that talk to the graph."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import Any, TypeVar

from api import metrics

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class DaemonExecutor:
    """As a ThreadPoolExecutor, but of daemon threads: a database that hangs must not keep the service from ending.

    A call that takes longer than `lost_after` seconds waits for an answer that was lost on its way, for the graph ends
    a query long before. `reconnect` is to cut it short, with all others: the threads are free again.
    """

    def __init__(self, number: int, *, lost_after: float, reconnect: Callable[[], None]) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._number = number
        self._lost_after = lost_after
        self._reconnect = reconnect
        self._begun: dict[int, float] = {}
        """When each thread that is at work began, by its id."""
        self._reconnected = 0.0
        for _ in range(number):
            Thread(target=self._work, name="graph", daemon=True).start()

    def submit(self, call: Callable[[], Answer]) -> Future[Answer]:
        """The call's result to be, once a thread is free. From one thread only."""
        self._give_up_what_is_lost()
        future: Future[Answer] = Future()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """Let each thread end when it is done; nothing waits for them."""
        for _ in range(self._number):
            self._calls.put(None)

    def _give_up_what_is_lost(self) -> None:
        now = time.monotonic()
        first = min(self._begun.copy().values(), default=now)
        if now - max(first, self._reconnected) > self._lost_after:
            log.warning("The graph gave no answer for %.1f s: connecting anew", now - first)
            self._reconnected = now
            self._reconnect()

    def _work(self) -> None:
        me = get_ident()
        while (task := self._calls.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                self._begun[me] = time.monotonic()
                try:
                    with metrics.GRAPH.time():
                        future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
                finally:
                    del self._begun[me]
            del task, future, call  # a thread that waits holds nothing
