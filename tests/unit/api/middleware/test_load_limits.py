"""Rates hold over all processes, an overloaded service refuses requests, and probes are always answered."""

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
    """A clock that moves only when a test sets it."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("rate", "at_once"), [(5.0, 6), (1.0, 2), (0.1, 1), (100.0, 101)])
def test_one_second_of_requests_may_come_at_once_and_then_the_rate_holds(
    tmp_path: Path, clock: list[float], rate: float, at_once: int
) -> None:
    rates = RateLimiter(tmp_path)
    accepted = 0
    while not (wait := rates.take("one", rate)):
        accepted += 1
    assert accepted == at_once
    clock[0] += wait * 0.99
    assert rates.take("one", rate) == pytest.approx(wait * 0.01, rel=1e-3)
    clock[0] += wait * 0.0101
    assert not rates.take("one", rate)
    assert rates.take("one", rate)


def test_in_a_minute_the_rate_plus_one_burst_is_accepted(tmp_path: Path, clock: list[float]) -> None:
    rates = RateLimiter(tmp_path)
    accepted = 0
    for _ in range(6000):
        accepted += not rates.take("one", 7.0)
        clock[0] += 0.01
    assert 7 * 60 <= accepted <= 7 * 61 + 1


def test_each_key_has_its_own_rate_which_all_workers_share(tmp_path: Path, clock: list[float]) -> None:
    ours, theirs = RateLimiter(tmp_path), RateLimiter(tmp_path)
    while not ours.take("one", 3.0):
        pass
    assert theirs.take("one", 3.0)
    assert not theirs.take("two", 3.0)
    pid = os.fork()
    if not pid:
        os._exit(bool(RateLimiter(tmp_path).take("one", 3.0)))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


class SlowApp:
    """An application that answers after `finish` is set."""

    def __init__(self) -> None:
        self.num_requests = 0
        self.finish = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.num_requests += 1
        await self.finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


SCOPE: Scope = {"type": "http", "method": "GET", "path": "/v1/snapshots", "headers": [], "query_string": b""}


async def first_message(app: ASGIApp) -> Message:
    """Return the first message of the answer to a request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(dict(SCOPE), no_body, send)
    return sent[0]


def test_requests_above_the_limit_are_refused_with_retry_after(tmp_path: Path) -> None:
    async def scenario() -> None:
        slow = SlowApp()
        app = LoadLimits(slow, 2, RateLimiter(tmp_path))
        answers = [asyncio.ensure_future(first_message(app)) for _ in range(2)]
        while slow.num_requests < 2:
            await asyncio.sleep(0)
        refused = await first_message(app)
        assert refused["status"] == 503
        assert (b"retry-after", b"1") in refused["headers"]
        slow.finish.set()
        assert [answer["status"] for answer in await asyncio.gather(*answers)] == [200, 200]
        assert (await first_message(app))["status"] == 200  # a place is free again

    asyncio.run(scenario())


async def no_body() -> Message:
    return {"type": "http.request"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs"])
def test_an_overloaded_service_answers_probes_and_metrics(tmp_path: Path, path: str) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    full = LoadLimits(answer, 0, RateLimiter(tmp_path))
    assert get(full, path).status == 200
    assert get(full, "/v1/snapshots").status == 503


def test_a_request_is_in_flight_until_its_answer_was_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        was_read = asyncio.Event()
        sent: list[Message] = []

        async def send(message: Message) -> None:
            """Return at once, as the server does, unless an earlier part was not read yet."""
            if any(before.get("body") for before in sent):
                await was_read.wait()
            sent.append(message)

        async def large(scope: Scope, receive: Receive, send: Send) -> None:
            await Response(b"large")(scope, receive, send)

        app = LoadLimits(large, 1, RateLimiter(tmp_path))
        reading = asyncio.ensure_future(app(dict(SCOPE), no_body, send))
        while len(sent) < 2:
            await asyncio.sleep(0)
        assert (await first_message(app))["status"] == 503
        was_read.set()
        await reading
        assert (await first_message(app))["status"] == 200
        assert [(message.get("body"), message.get("more_body", False)) for message in sent[1:]] == [
            (b"large", True),
            (None, False),
        ]

    asyncio.run(scenario())
