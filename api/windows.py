"""What was read from the graph, kept while it is likely to be asked for again. Emptying it changes no answer."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Protocol, TypeVar

from api.errors import GraphTooSlow

log = logging.getLogger(__name__)


class Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """About how much memory it takes, in bytes."""


Answer = TypeVar("Answer")
Kept = TypeVar("Kept", bound=Sized)
Key = tuple[Any, ...]
"""Names a thing that was read; the snapshot that it belongs to comes first."""


class Windows:
    """An LRU of immutable things from the graph, bounded in bytes, and the few threads that read them.

    However many ask for one thing at a time, the graph is asked once. Every wait ends after `deadline` seconds with
    GraphTooSlow.
    """

    def __init__(self, max_bytes: int, *, deadline: float, readers: int) -> None:
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Sized] = OrderedDict()
        self._nbytes = 0
        self._under_way: dict[Key, Future[Any]] = {}
        self._readers = ThreadPoolExecutor(readers, "graph")

    @property
    def nbytes(self) -> int:
        """About how much memory is in use, in bytes."""
        return self._nbytes

    def submit(self, read: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        """A call on the graph that the caller waits for in its own way. Nothing is kept."""
        return self._readers.submit(read, *arguments)

    def ask(self, read: Callable[..., Answer], *arguments: Any) -> Answer:
        """The result of a call on the graph. Nothing is kept."""
        future = self.submit(read, *arguments)
        try:
            return self._wait(future)
        except GraphTooSlow:
            future.cancel()
            raise

    def tell(self, write: Callable[..., None], *arguments: Any) -> None:
        """A call on the graph that nobody waits for."""
        self.submit(write, *arguments).add_done_callback(log_failure)

    def get(self, key: Key, read: Callable[[], Kept]) -> Kept:
        """What `key` names: kept, or under way for somebody else, or read now."""
        kept, under_way = self._find(key, read)
        return kept if under_way is None else self._wait(under_way)

    def expect(self, key: Key, read: Callable[[], Kept]) -> None:
        """Have it read without waiting: whoever asks for it soon finds it."""
        self._find(key, read)

    def drop(self, snapshot: str) -> None:
        """Forget all that belongs to a snapshot."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == snapshot]:
                self._nbytes -= self._kept.pop(key).nbytes

    def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _find(self, key: Key, read: Callable[[], Kept]) -> tuple[Any, Future[Kept] | None]:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key], None
            if key not in self._under_way:
                self._under_way[key] = self._readers.submit(self._read, key, read)
            return None, self._under_way[key]

    def _read(self, key: Key, read: Callable[[], Kept]) -> Kept:
        try:
            value = read()
            self._keep(key, value)
            return value
        finally:
            with self._lock:
                del self._under_way[key]

    def _keep(self, key: Key, value: Sized) -> None:
        with self._lock:
            self._kept[key] = value
            self._nbytes += value.nbytes
            while self._nbytes > self._max_bytes:
                self._nbytes -= self._kept.popitem(last=False)[1].nbytes

    def _wait(self, future: Future[Answer]) -> Answer:
        try:
            return future.result(self._deadline)
        except FutureTimeout:
            if future.done():
                raise  # a timeout of what was called, not of the wait
            raise GraphTooSlow(self._deadline) from None


def log_failure(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()):
        log.warning("A note to the graph failed: %s", error)
