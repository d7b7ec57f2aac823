"""Rates hold over processes, a full service says so, and probes are answered all the while."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.load_limits import LoadLimits, RateLimiter
from tests.unit.api.asgi import get


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until it is set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("rate", "at_once"), [(5.0, 6), (1.0, 2), (0.1, 1), (100.0, 101)])
def test_a_second_s_worth_comes_at_once_and_then_the_rate(
    tmp_path: Path, clock: list[float], rate: float, at_once: int
) -> None:
    rates = RateLimiter(tmp_path)
    taken = 0
    while not (wait := rates.take("one", rate)):
        taken += 1
    assert taken == at_once
    clock[0] += wait * 0.99
    assert rates.take("one", rate) == pytest.approx(wait * 0.01, rel=1e-3)
    clock[0] += wait * 0.0101
    assert not rates.take("one", rate)
    assert rates.take("one", rate)


def test_over_a_minute_no_more_passes_than_the_rate_and_the_burst(tmp_path: Path, clock: list[float]) -> None:
    rates = RateLimiter(tmp_path)
    passed = 0
    for _ in range(6000):
        passed += not rates.take("one", 7.0)
        clock[0] += 0.01
    assert 7 * 60 <= passed <= 7 * 61 + 1


def test_each_key_has_a_rate_of_its_own_that_all_workers_share(tmp_path: Path, clock: list[float]) -> None:
    ours, theirs = RateLimiter(tmp_path), RateLimiter(tmp_path)
    while not ours.take("one", 3.0):
        pass
    assert theirs.take("one", 3.0)
    assert not theirs.take("two", 3.0)
    pid = os.fork()
    if not pid:
        os._exit(bool(RateLimiter(tmp_path).take("one", 3.0)))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


class Slow:
    """An application that answers once it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.finish = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


SCOPE: Scope = {"type": "http", "method": "GET", "path": "/v1/snapshots", "headers": [], "query_string": b""}


async def ask(app: ASGIApp) -> Message:
    """How the answer to a request begins."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(dict(SCOPE), nothing, send)
    return sent[0]


def test_more_than_so_many_at_a_time_are_told_to_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        slow = Slow()
        app = LoadLimits(slow, 2, RateLimiter(tmp_path))
        answers = [asyncio.ensure_future(ask(app)) for _ in range(2)]
        while slow.asked < 2:
            await asyncio.sleep(0)
        refused = await ask(app)
        assert refused["status"] == 503
        assert (b"retry-after", b"1") in refused["headers"]
        slow.finish.set()
        assert [answer["status"] for answer in await asyncio.gather(*answers)] == [200, 200]
        assert (await ask(app))["status"] == 200  # there is room again

    asyncio.run(scenario())


async def nothing() -> Message:
    return {"type": "http.request"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs"])
def test_a_full_service_answers_probes_and_metrics(tmp_path: Path, path: str) -> None:
    async def up(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    full = LoadLimits(up, 0, RateLimiter(tmp_path))
    assert get(full, path).status == 200
    assert get(full, "/v1/snapshots").status == 503


def test_a_request_is_under_way_until_its_answer_was_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        was_read = asyncio.Event()
        sent: list[Message] = []

        async def send(message: Message) -> None:
            """As the server does it: at once, unless something before it was not read yet."""
            if any(before.get("body") for before in sent):
                await was_read.wait()
            sent.append(message)

        async def large(scope: Scope, receive: Receive, send: Send) -> None:
            await Response(b"large")(scope, receive, send)

        app = LoadLimits(large, 1, RateLimiter(tmp_path))
        reading = asyncio.ensure_future(app(dict(SCOPE), nothing, send))
        while len(sent) < 2:
            await asyncio.sleep(0)
        assert (await ask(app))["status"] == 503
        was_read.set()
        await reading
        assert (await ask(app))["status"] == 200
        assert [(message.get("body"), message.get("more_body", False)) for message in sent[1:]] == [
            (b"large", True),
            (None, False),
        ]

    asyncio.run(scenario())
