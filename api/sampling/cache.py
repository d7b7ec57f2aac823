"""What was read from the graph, kept while it is likely to be asked for again. Emptying it changes no answer."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from api import metrics
from api.errors import GraphTooSlow
from api.sampling.executor import DaemonExecutor

log = logging.getLogger(__name__)


class Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """About how much memory it takes, in bytes."""


Answer = TypeVar("Answer")
Kept = TypeVar("Kept", bound=Sized)
Key = tuple[Any, ...]
"""Names a thing that was read; the snapshot that it belongs to comes first."""


class GraphCache:
    """An LRU of immutable things from the graph, bounded in bytes, and the few threads that read them for it.

    Belongs to one event loop. However many ask for one thing at a time, the graph is asked once. Every wait ends
    after `deadline` seconds with GraphTooSlow.
    """

    def __init__(self, max_bytes: int, *, deadline: float, readers: DaemonExecutor) -> None:
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._kept: OrderedDict[Key, Sized] = OrderedDict()
        self._nbytes = 0
        self._under_way: dict[Key, asyncio.Task[Any]] = {}
        self._notes: set[asyncio.Task[None]] = set()
        self._readers = readers

    @property
    def nbytes(self) -> int:
        """About how much memory is in use, in bytes."""
        return self._nbytes

    async def ask(self, read: Callable[..., Answer], *arguments: Any) -> Answer:
        """The result of a call on the graph. Nothing is kept."""
        return await self._wait(self._run(read, *arguments))

    def tell(self, write: Callable[..., None], *arguments: Any) -> None:
        """A call on the graph that nobody waits for."""
        note = asyncio.ensure_future(self._run(write, *arguments))
        self._notes.add(note)  # the loop itself keeps no task alive
        note.add_done_callback(self._noted)

    async def get(self, key: Key, read: Callable[[], Kept]) -> Kept:
        """What `key` names: kept, or under way for somebody else, or read now."""
        metrics.WINDOWS.labels("hit" if key in self._kept else "missed").inc()
        if key in self._kept:
            self._kept.move_to_end(key)
            kept: Kept = self._kept[key]  # type: ignore[assignment]
            return kept
        return await self._wait(asyncio.shield(self._start(key, read)))

    def kept(self, key: Key) -> Any:
        """What `key` names if it was read and is still there, else None."""
        return self._kept.get(key)

    def expect(self, key: Key, read: Callable[[], Sized]) -> None:
        """Have it read without waiting: whoever asks for it soon finds it, unless nothing is kept at all."""
        if self._max_bytes and key not in self._kept:
            self._start(key, read)

    def drop(self, snapshot: str) -> None:
        """Forget all that belongs to a snapshot."""
        for key in [key for key in self._kept if key[0] == snapshot]:
            self._nbytes -= self._kept.pop(key).nbytes

    def close(self) -> None:
        self._readers.close()

    def _start(self, key: Key, read: Callable[[], Kept]) -> asyncio.Task[Kept]:
        if key not in self._under_way:
            task = self._under_way[key] = asyncio.ensure_future(self._read(key, read))
            # Whoever waits gets the error; where nobody does, it is no news.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._under_way[key]

    async def _read(self, key: Key, read: Callable[[], Kept]) -> Kept:
        try:
            value = await self._run(read)
            self._keep(key, value)
            return value
        finally:
            del self._under_way[key]

    def _keep(self, key: Key, value: Sized) -> None:
        self._kept[key] = value
        self._nbytes += value.nbytes
        while self._nbytes > self._max_bytes:
            self._nbytes -= self._kept.popitem(last=False)[1].nbytes

    async def _run(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.wrap_future(self._readers.submit(partial(call, *arguments)))

    async def _wait(self, answer: Awaitable[Answer]) -> Answer:
        try:
            return await asyncio.wait_for(answer, self._deadline)
        except TimeoutError:
            raise GraphTooSlow(self._deadline) from None

    def _noted(self, note: asyncio.Task[None]) -> None:
        self._notes.discard(note)
        if not note.cancelled() and (error := note.exception()):
            log.warning("A note to the graph failed: %s", error)
