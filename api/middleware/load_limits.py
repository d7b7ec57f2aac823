"""How much may be asked: so many requests at a time, and so many a second from whoever has a key with a rate."""

from __future__ import annotations

import fcntl
import math
import os
import struct
import time
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.auth import needed_scope
from api.problems import BUSY, RATE, problem

BURST = 1.0
"""Seconds' worth of requests that may come at once."""
ROUNDING = 1e-9
DUE = struct.Struct("d")


class Rates:
    """When the next request of each key is due, in a small file a key that all workers share.

    This is the generic cell rate algorithm: a request moves the time by 1/rate, and is refused while that time lies
    more than BURST ahead.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}

    def take(self, name: str, rate: float) -> float:
        """0 where the key may ask now, which counts; else the seconds until it may."""
        file = self._file(name)
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            # Of one clock for all processes of the machine.
            now = time.monotonic()
            kept = os.pread(file, DUE.size, 0)
            due = max(DUE.unpack(kept)[0], now) if kept else now
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


class Limits:
    """ASGI middleware, inside the guard. Probes and metrics are answered whatever else goes on."""

    def __init__(self, app: ASGIApp, in_flight: int, rates: Rates) -> None:
        self._app = app
        self._most = in_flight
        self._rates = rates
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or needed_scope(scope["path"]) != "read":
            return await self._app(scope, receive, send)
        key = scope.get("key")
        if key and key.rate and (wait := self._rates.take(key.name, key.rate)):
            detail = f"The key {key.name} may ask {key.rate:g} times a second."
            return await problem(RATE, detail, {"Retry-After": str(math.ceil(wait))})(scope, receive, send)
        if self._in_flight >= self._most:
            return await problem(BUSY)(scope, receive, send)
        self._in_flight += 1
        try:
            await self._app(scope, receive, until_read(send))
        finally:
            self._in_flight -= 1


def until_read(send: Send) -> Send:
    """A request is under way until its answer was read, as the answer takes memory until then.

    The server returns at once from the last part of a body, however large, and waits before any other.
    """

    async def send_and_wait(message: Message) -> None:
        if message.get("body") and not message.get("more_body"):
            await send({**message, "more_body": True})
            message = {"type": "http.response.body"}
        await send(message)

    return send_and_wait
