"""A cache of what was read from the graph. It changes the speed of answers, never their content."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from api import metrics
from api.errors import GraphTooSlow
from api.sampling.executor import GraphExecutor

log = logging.getLogger(__name__)


class Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """Approximate size in memory, in bytes."""


Result = TypeVar("Result")
Value = TypeVar("Value", bound=Sized)
Key = tuple[Any, ...]
"""Names a value. Its first element is the id of the snapshot that the value belongs to."""


class GraphCache:
    """An LRU cache of immutable values from the graph, bounded in bytes, with the executor that reads them.

    Belongs to one event loop. Concurrent requests for one value share one read. Every wait ends after `deadline`
    seconds with GraphTooSlow; the read goes on.
    """

    def __init__(self, max_bytes: int, *, deadline: float, executor: GraphExecutor) -> None:
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._values: OrderedDict[Key, Sized] = OrderedDict()
        self._nbytes = 0
        self._reads: dict[Key, asyncio.Task[Any]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._executor = executor

    @property
    def nbytes(self) -> int:
        """Approximate size of all values in memory, in bytes."""
        return self._nbytes

    async def call(self, read: Callable[..., Result], *arguments: Any) -> Result:
        """Run uncached: return the result of a call to the graph."""
        return await self._wait(self._run(read, *arguments))

    def run_in_background(self, write: Callable[..., None], *arguments: Any) -> None:
        """Run a graph write without waiting for it; a failure is logged."""
        task = asyncio.ensure_future(self._run(write, *arguments))
        self._background.add(task)  # the event loop itself keeps no reference to a task
        task.add_done_callback(self._end_background)

    async def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """Return the value of `key` from the cache, from a read in progress, or from a new read."""
        metrics.WINDOWS.labels("hit" if key in self._values else "missed").inc()
        if key in self._values:
            self._values.move_to_end(key)
            value: Value = self._values[key]  # type: ignore[assignment]
            return value
        return await self._wait(asyncio.shield(self._start(key, read)))

    def peek(self, key: Key) -> Any:
        """Return the value of `key` if it is in the cache, else None."""
        return self._values.get(key)

    def prefetch(self, key: Key, read: Callable[[], Sized]) -> None:
        """Start to read the value of `key` without waiting. Does nothing if the cache has no room at all."""
        if self._max_bytes and key not in self._values:
            self._start(key, read)

    def drop(self, snapshot: str) -> None:
        """Remove all values of a snapshot."""
        for key in [key for key in self._values if key[0] == snapshot]:
            self._nbytes -= self._values.pop(key).nbytes

    def close(self) -> None:
        """End the threads of the executor."""
        self._executor.close()

    def _start(self, key: Key, read: Callable[[], Value]) -> asyncio.Task[Value]:
        if key not in self._reads:
            task = self._reads[key] = asyncio.ensure_future(self._read(key, read))
            # Those who wait get the error. Without them, asyncio would log it as never retrieved.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._reads[key]

    async def _read(self, key: Key, read: Callable[[], Value]) -> Value:
        try:
            value = await self._run(read)
            self._add(key, value)
            return value
        finally:
            del self._reads[key]

    def _add(self, key: Key, value: Sized) -> None:
        self._values[key] = value
        self._nbytes += value.nbytes
        while self._nbytes > self._max_bytes:
            self._nbytes -= self._values.popitem(last=False)[1].nbytes

    async def _run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.wrap_future(self._executor.submit(partial(call, *arguments)))

    async def _wait(self, result: Awaitable[Result]) -> Result:
        try:
            return await asyncio.wait_for(result, self._deadline)
        except TimeoutError:
            raise GraphTooSlow(self._deadline) from None

    def _end_background(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("A write to the graph failed: %s", error)
