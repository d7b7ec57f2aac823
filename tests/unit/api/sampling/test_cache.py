"""What was read is kept within bounds, read once however many ask, and never waited for without end."""

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
class Thing:
    name: Key
    nbytes: int = 100


class Graph:
    """Counts what it is asked for; `wait` is how long an answer takes, in seconds."""

    def __init__(self, wait: float = 0.0) -> None:
        self.asked: list[Key] = []
        self._wait = wait

    def reader(self, key: Key) -> Callable[[], Thing]:
        def read() -> Thing:
            self.asked.append(key)
            time.sleep(self._wait)
            return Thing(key)

        return read


def run(test: Callable[[GraphCache], Coroutine[Any, Any, None]], max_bytes: int = 1000, deadline: float = 10) -> None:
    async def main() -> None:
        readers = GraphExecutor(2, hang_seconds=60, reconnect=lambda: None)
        cache = GraphCache(max_bytes, deadline=deadline, readers=readers)
        try:
            await test(cache)
        finally:
            cache.close()

    asyncio.run(main())


def test_a_thing_is_read_once_and_kept() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        assert cache.peek(("s", 1)) is None
        for _ in range(3):
            assert (await cache.get(("s", 1), graph.reader(("s", 1)))).name == ("s", 1)
            assert cache.peek(("s", 1)).name == ("s", 1)

    run(test)
    assert graph.asked == [("s", 1)]


def test_many_who_ask_at_once_share_one_reading() -> None:
    graph = Graph(wait=0.05)

    async def test(cache: GraphCache) -> None:
        cache.expect(("s", 1), graph.reader(("s", 1)))
        things = await asyncio.gather(*(cache.get(("s", 1), graph.reader(("s", 1))) for _ in range(20)))
        assert len({id(thing) for thing in things}) == 1

    run(test)
    assert len(graph.asked) == 1


def test_what_was_not_asked_for_longest_goes_first() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        for number in (1, 2, 3, 1, 4):
            await cache.get(("s", number), graph.reader(("s", number)))
        assert cache.nbytes == 300
        for number in (1, 3, 4):
            await cache.get(("s", number), graph.reader(("s", number)))

    run(test, max_bytes=300)
    assert graph.asked == [("s", number) for number in (1, 2, 3, 4)]


def test_nothing_is_kept_where_there_is_no_room() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        for _ in range(2):
            assert (await cache.get(("s", 1), graph.reader(("s", 1)))).name == ("s", 1)
        assert cache.nbytes == 0

    run(test, max_bytes=0)
    assert len(graph.asked) == 2


def test_nothing_is_read_ahead_where_nothing_is_kept() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        cache.expect(("s", 1), graph.reader(("s", 1)))
        await cache.get(("s", 2), graph.reader(("s", 2)))

    run(test, max_bytes=0)
    assert graph.asked == [("s", 2)]


def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    asked = []

    def fail() -> Thing:
        asked.append(1)
        raise LookupError("gone")

    async def test(cache: GraphCache) -> None:
        cache.expect(("s", 0), fail)
        failed = await asyncio.gather(*(cache.get(("s", 1), fail) for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in failed] == [LookupError] * 3
        assert (await cache.get(("s", 1), Graph().reader(("s", 1)))).name == ("s", 1)

    run(test)
    assert len(asked) == 2


def test_a_wait_ends_at_the_deadline_and_the_reading_goes_on() -> None:
    graph = Graph(wait=0.3)

    async def test(cache: GraphCache) -> None:
        with pytest.raises(GraphTooSlow):
            await cache.get(("s", 1), graph.reader(("s", 1)))
        with pytest.raises(GraphTooSlow):
            await cache.ask(time.sleep, 0.2)
        await asyncio.sleep(0.4)
        assert (await cache.get(("s", 1), graph.reader(("s", 1)))).name == ("s", 1)

    run(test, deadline=0.05)
    assert len(graph.asked) == 1


def test_a_reader_who_leaves_does_not_take_the_others_along() -> None:
    graph = Graph(wait=0.1)

    async def test(cache: GraphCache) -> None:
        leaving, staying = (asyncio.ensure_future(cache.get(("s", 1), graph.reader(("s", 1)))) for _ in range(2))
        await asyncio.sleep(0.02)
        leaving.cancel()
        assert (await staying).name == ("s", 1)

    run(test)
    assert len(graph.asked) == 1


def test_a_snapshot_is_dropped_whole_and_alone() -> None:
    graph = Graph()

    async def test(cache: GraphCache) -> None:
        for key in (("s", 1), ("t", 1), ("s", "source")):
            await cache.get(key, graph.reader(key))
        cache.drop("s")
        assert cache.nbytes == 100
        await cache.get(("t", 1), graph.reader(("t", 1)))

    run(test)
    assert len(graph.asked) == 3


def test_no_more_are_under_way_than_there_are_readers() -> None:
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
        await asyncio.gather(*(cache.ask(read) for _ in range(10)))

    run(test)
    assert most == 2


def test_a_note_that_fails_is_logged_and_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise LookupError("away")

    async def test(cache: GraphCache) -> None:
        cache.tell(fail)
        await asyncio.sleep(0.05)

    run(test)
    assert "away" in caplog.text


def test_a_reading_that_hangs_does_not_keep_the_process_from_ending() -> None:
    script = (
        "import asyncio, time; from api.readers import Readers; from api.windows import Windows\n"
        "async def main() -> None:\n"
        "    windows = Windows(0, deadline=1, readers=Readers(1, lost_after=60, reconnect=print))\n"
        "    windows.tell(time.sleep, 600)\n"
        "    await asyncio.sleep(0.1)\n"
        "    windows.close()\n"
        "asyncio.run(main())"
    )
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
