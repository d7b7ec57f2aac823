"""Compute results ahead in threads, and hand them out in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from typing import Generic, TypeVar

from api.client.daemon_executor import DaemonExecutor

T = TypeVar("T")

STOP_CHECK_SECONDS = 0.2
CLOSE_SECONDS = 2.0
"""How long `close` waits for its threads. If Python ends a thread inside a decoder's C++ code, the process crashes."""


class Prefetch(Generic[T]):
    """Computes `load(key)` for every key, and returns the results in the order of the keys.

    At most `ahead` results are being computed or waiting in memory. `waited` counts the seconds spent in `take`.
    A call that hangs does not keep the process from ending.
    """

    def __init__(self, load: Callable[[int], T], keys: Iterable[int], *, threads: int, ahead: int) -> None:
        self.waited = 0.0
        self._load = load
        self._keys = iter(keys)
        self._pending: deque[Future[T]] = deque()
        self._executor = DaemonExecutor(threads, name="prefetch")
        for _ in range(ahead):
            self._submit()

    def take(self, stop: threading.Event) -> T | None:
        """Return the next result, or None as soon as `stop` is set.

        Raises what `load` raised, and IndexError after the last result.
        """
        if not self._pending:
            raise IndexError("every key was taken")
        start = time.perf_counter()
        future = self._pending[0]
        while not stop.is_set() and not wait([future], timeout=STOP_CHECK_SECONDS).done:
            pass
        if stop.is_set():
            return None
        self.waited += time.perf_counter() - start
        self._pending.popleft()
        self._submit()
        return future.result()

    def close(self) -> None:
        """End the threads, and wait for those that do not hang. Results that were not taken are dropped."""
        for future in self._pending:
            future.cancel()
        self._executor.close(CLOSE_SECONDS)

    def _submit(self) -> None:
        key = next(self._keys, None)
        if key is not None:
            self._pending.append(self._executor.submit(partial(self._load, key)))
