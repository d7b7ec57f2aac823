"""Concurrency and rate limits."""

from __future__ import annotations

import fcntl
import math
import os
import struct
import time
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.auth import needed_scope
from api.problems import OVERLOADED, TOO_MANY_REQUESTS, problem_response

BURST = 1.0
"""A key may send at once as many requests as its rate allows in this many seconds."""
ROUNDING = 1e-9
DUE = struct.Struct("d")


class RateLimiter:
    """Limits the rate of each key over all workers, by the generic cell rate algorithm.

    A small file for each key, shared by all workers, holds the time when its next request is due. A request moves
    that time by 1/rate, and is refused while the time lies more than BURST ahead.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}

    def take(self, name: str, rate: float) -> float:
        """Return 0 and count the request if the key may send it now; otherwise return the seconds until it may."""
        file = self._file(name)
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            # All processes of a machine share this clock.
            now = time.monotonic()
            stored = os.pread(file, DUE.size, 0)
            due = max(DUE.unpack(stored)[0], now) if stored else now
            if due - now > BURST + ROUNDING:
                return float(due - now - BURST)
            os.pwrite(file, DUE.pack(due + 1 / rate), 0)
            return 0.0
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _file(self, name: str) -> int:
        if name not in self._files:
            self._files[name] = os.open(self._folder / f"{name}.rate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._files[name]


class LoadLimits:
    """ASGI middleware inside Authentication: limits rates and concurrent requests, except for probes and metrics."""

    def __init__(self, app: ASGIApp, max_in_flight: int, rates: RateLimiter) -> None:
        self._app = app
        self._max_in_flight = max_in_flight
        self._rates = rates
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or needed_scope(scope["path"]) != "read":
            return await self._app(scope, receive, send)
        key = scope.get("key")
        if key and key.rate and (wait := self._rates.take(key.name, key.rate)):
            detail = f"The key {key.name} may send {key.rate:g} requests a second."
            headers = {"Retry-After": str(math.ceil(wait))}
            return await problem_response(TOO_MANY_REQUESTS, detail, headers)(scope, receive, send)
        if self._in_flight >= self._max_in_flight:
            return await problem_response(OVERLOADED)(scope, receive, send)
        self._in_flight += 1
        try:
            await self._app(scope, receive, wait_until_read(send))
        finally:
            self._in_flight -= 1


def wait_until_read(send: Send) -> Send:
    """Make `send` return only when the client has read the body, which takes memory until then.

    The server returns at once from the last part of a body, however large, and waits before any other part. So an
    empty part is added at the end.
    """

    async def send_and_wait(message: Message) -> None:
        if message.get("body") and not message.get("more_body"):
            await send({**message, "more_body": True})
            message = {"type": "http.response.body"}
        await send(message)

    return send_and_wait
