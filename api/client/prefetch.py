"""Results computed ahead by threads and handed out in order; never more than a bounded number at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

STOP_CHECK_SECONDS = 0.2
CLOSE_SECONDS = 2.0
"""How long `close` waits at most."""


class Prefetch(Generic[T]):
    """`load(key)` for every key, in the order of the keys.

    At most `ahead` results are under way or waiting to be taken. `waited` counts the seconds spent in `take`.
    The threads are daemons: one that hangs on a dead service must not keep the process from ending.
    """

    def __init__(self, load: Callable[[int], T], keys: Iterable[int], *, threads: int, ahead: int) -> None:
        self.waited = 0.0
        self._load = load
        self._keys = iter(keys)
        self._tasks: SimpleQueue[tuple[int, Future[T]] | None] = SimpleQueue()
        self._pending: deque[Future[T]] = deque()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()
        for _ in range(ahead):
            self._submit()

    def take(self, stop: threading.Event) -> T | None:
        """The next result; None as soon as `stop` is set. Raises what `load` raised, IndexError after the last."""
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
        """Let the threads go, and wait for those that do not hang. What they still compute is dropped."""
        for future in self._pending:
            future.cancel()
        for _ in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            # One that Python ends in the middle of a decoder's C++ would take the whole process down with it.
            thread.join(max(0.0, until - time.monotonic()))

    def _submit(self) -> None:
        key = next(self._keys, None)
        if key is not None:
            future: Future[T] = Future()
            self._pending.append(future)
            self._tasks.put((key, future))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            key, future = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._load(key))
            except BaseException as error:
                future.set_exception(error)
