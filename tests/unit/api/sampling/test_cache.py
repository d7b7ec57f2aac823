"""The cache is bounded, reads a value once for concurrent requests, and ends each wait at its deadline."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from api.errors import GraphTooSlow
from api.sampling.cache import GraphCache, Key
from api.sampling.executor import GraphExecutor


@dataclass
class Item:
    key: Key
    nbytes: int = 100


class Graph:
    """Keeps the keys that were read. A read takes `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.reads: list[Key] = []
        self._seconds = seconds

    def reader(self, key: Key) -> Callable[[], Item]:
        def read() -> Item:
            self.reads.append(key)
            time.sleep(self._seconds)
            return Item(key)

        return read


def run(test: Callable[[GraphCache], Coroutine[Any, Any, None]], max_bytes: int = 1000, deadline: float = 10) -> None:
    async def main() -> None:
        executor = GraphExecutor(2, hang_seconds=60, reconnect=lambda: None)
        cache = GraphCache(max_bytes, deadline=deadline, executor=executor)
        try:
            await test(cache)
        finally:
            cache.close()

    asyncio.run(main())


def test_a_value_is_read_once_and_kept() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        assert cache.peek(("s", 1)) is None
        for _ in range(3):
            assert (await cache.get(("s", 1), graph.reader(("s", 1)))).key == ("s", 1)
            assert cache.peek(("s", 1)).key == ("s", 1)

    run(test)
    assert graph.reads == [("s", 1)]


def test_concurrent_requests_share_one_read() -> None:
    graph = Graph(seconds=0.05)

    async def test(cache: GraphCache) -> None:
        cache.prefetch(("s", 1), graph.reader(("s", 1)))
        items = await asyncio.gather(*(cache.get(("s", 1), graph.reader(("s", 1))) for _ in range(20)))
        assert len({id(item) for item in items}) == 1

    run(test)
    assert len(graph.reads) == 1


def test_the_least_recently_used_value_is_evicted_first() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        for number in (1, 2, 3, 1, 4):
            await cache.get(("s", number), graph.reader(("s", number)))
        assert cache.nbytes == 300
        for number in (1, 3, 4):
            await cache.get(("s", number), graph.reader(("s", number)))

    run(test, max_bytes=300)
    assert graph.reads == [("s", number) for number in (1, 2, 3, 4)]


def test_a_cache_without_room_keeps_nothing() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        for _ in range(2):
            assert (await cache.get(("s", 1), graph.reader(("s", 1)))).key == ("s", 1)
        assert cache.nbytes == 0

    run(test, max_bytes=0)
    assert len(graph.reads) == 2


def test_a_cache_without_room_prefetches_nothing() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        cache.prefetch(("s", 1), graph.reader(("s", 1)))
        await cache.get(("s", 2), graph.reader(("s", 2)))

    run(test, max_bytes=0)
    assert graph.reads == [("s", 2)]


def test_a_failed_read_raises_for_all_who_wait_and_is_not_kept() -> None:
    reads = []

    def fail() -> Item:
        reads.append(1)
        raise LookupError("gone")

    async def test(cache: GraphCache) -> None:
        cache.prefetch(("s", 0), fail)
        failed = await asyncio.gather(*(cache.get(("s", 1), fail) for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in failed] == [LookupError] * 3
        assert (await cache.get(("s", 1), Graph().reader(("s", 1)))).key == ("s", 1)

    run(test)
    assert len(reads) == 2


def test_a_wait_ends_at_the_deadline_and_the_read_goes_on() -> None:
    graph = Graph(seconds=0.3)

    async def test(cache: GraphCache) -> None:
        with pytest.raises(GraphTooSlow):
            await cache.get(("s", 1), graph.reader(("s", 1)))
        with pytest.raises(GraphTooSlow):
            await cache.call(time.sleep, 0.2)
        await asyncio.sleep(0.4)
        assert (await cache.get(("s", 1), graph.reader(("s", 1)))).key == ("s", 1)

    run(test, deadline=0.05)
    assert len(graph.reads) == 1


def test_a_cancelled_request_does_not_cancel_the_others() -> None:
    graph = Graph(seconds=0.1)

    async def test(cache: GraphCache) -> None:
        cancelled, other = (asyncio.ensure_future(cache.get(("s", 1), graph.reader(("s", 1)))) for _ in range(2))
        await asyncio.sleep(0.02)
        cancelled.cancel()
        assert (await other).key == ("s", 1)

    run(test)
    assert len(graph.reads) == 1


def test_drop_removes_all_values_of_one_snapshot_only() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        for key in (("s", 1), ("t", 1), ("s", "index")):
            await cache.get(key, graph.reader(key))
        cache.drop("s")
        assert cache.nbytes == 100
        await cache.get(("t", 1), graph.reader(("t", 1)))

    run(test)
    assert len(graph.reads) == 3


def test_no_more_calls_run_at_a_time_than_there_are_threads() -> None:
    most, now, lock = 0, 0, threading.Lock()

    def read() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    async def test(cache: GraphCache) -> None:
        await asyncio.gather(*(cache.call(read) for _ in range(10)))

    run(test)
    assert most == 2


def test_a_failed_background_write_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise LookupError("away")

    async def test(cache: GraphCache) -> None:
        cache.run_in_background(fail)
        await asyncio.sleep(0.05)

    run(test)
    assert "away" in caplog.text


def test_a_call_that_hangs_does_not_keep_the_process_from_ending() -> None:
    script = (
        "import asyncio, time; from api.sampling.cache import GraphCache\n"
        "from api.sampling.executor import GraphExecutor\n"
        "async def main() -> None:\n"
        "    executor = GraphExecutor(1, hang_seconds=60, reconnect=print)\n"
        "    cache = GraphCache(0, deadline=1, executor=executor)\n"
        "    cache.run_in_background(time.sleep, 600)\n"
        "    await asyncio.sleep(0.1)\n"
        "    cache.close()\n"
        "asyncio.run(main())"
    )
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
