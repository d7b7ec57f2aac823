"""A thread pool whose threads never keep the process from ending."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")


class DaemonExecutor:
    """Runs calls in daemon threads. Unlike a ThreadPoolExecutor, it lets the process end while a call hangs."""

    def __init__(self, threads: int, *, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        """Queue a call and return its future result."""
        future: Future[Result] = Future()
        self._calls.put((future, call))
        return future

    def close(self, timeout: float = 0.0) -> None:
        """End each thread after the calls in the queue; wait up to `timeout` seconds for all threads."""
        for _ in self._threads:
            self._calls.put(None)
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            del task, future, call  # an idle thread must not keep a result in memory
