"""The threads that call Neo4j."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import get_ident
from typing import TypeVar

from api import metrics
from api.client.daemon_executor import DaemonExecutor

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class GraphExecutor:
    """Runs calls to the graph in a few daemon threads, and cuts off calls that hang.

    Neo4j ends a slow query by itself. So a call that takes longer than `hang_seconds` waits for an answer that was
    lost on its way: `reconnect` must then fail all calls in progress, which frees the threads.
    """

    def __init__(self, threads: int, *, hang_seconds: float, reconnect: Callable[[], None]) -> None:
        self._executor = DaemonExecutor(threads, name="graph")
        self._hang_seconds = hang_seconds
        self._reconnect = reconnect
        self._begun: dict[int, float] = {}
        """When each call in progress began, by the id of its thread."""
        self._reconnected = 0.0

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        """Queue a call and return its future result. Must be called from one thread only."""
        self._cut_off_hanging_calls()
        return self._executor.submit(partial(self._run, call))

    def close(self) -> None:
        """End each thread after the calls in the queue, without waiting for it."""
        self._executor.close()

    def _cut_off_hanging_calls(self) -> None:
        now = time.monotonic()
        oldest = min(self._begun.copy().values(), default=now)
        if now - max(oldest, self._reconnected) > self._hang_seconds:
            log.warning("The graph gave no answer for %.1f s: reconnecting", now - oldest)
            self._reconnected = now
            self._reconnect()

    def _run(self, call: Callable[[], Result]) -> Result:
        thread = get_ident()
        self._begun[thread] = time.monotonic()
        try:
            with metrics.GRAPH.time():
                return call()
        finally:
            del self._begun[thread]
