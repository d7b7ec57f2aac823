"""What is seen of a request from outside: its id, its line in the log, its part of the metrics, and no stack trace."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logs, metrics
from api.problems import STOPPING, bug, problem

log = logging.getLogger(__name__)
ID = "X-Request-Id"


class AccessLog:
    """ASGI middleware, around everything else. A bug ends here, as a problem with the id that the log has it under."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        # Never taken back: each request is a task of its own, and the server logs in it after we are done.
        logs.request_id.set(logs.id_of(Headers(scope=scope).get(ID)))
        answer = _Answer(send)
        begun = perf_counter()
        with metrics.IN_FLIGHT.track_inprogress():
            try:
                await self._app(scope, receive, answer.send)
            except asyncio.CancelledError:
                # The server does this at the end of its patience, and then to all requests at once.
                if answer.status:
                    raise
                await problem(STOPPING)(scope, receive, answer.send)
            except Exception:
                log.exception("%s %s failed", scope["method"], scope["path"])
                if answer.status:
                    raise  # half of it is out: the server can only hang up
                await bug()(scope, receive, answer.send)
            finally:
                _note(scope, answer, perf_counter() - begun)


class _Answer:
    """Passes an answer on, and remembers how it went."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.num_bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[ID] = logs.request_id.get()
        elif message["type"] == "http.response.body":
            self.num_bytes += len(message.get("body", b""))
        await self._send(message)


def _note(scope: Scope, answer: _Answer, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "other")
    metrics.REQUESTS.labels(route, metrics.method_of(scope["method"]), str(answer.status)).inc()
    metrics.LATENCY.labels(route).observe(seconds)
    metrics.SENT.labels(route).inc(answer.num_bytes)
    if logs.requests.isEnabledFor(logging.INFO):
        logs.requests.info(
            "%s %s %d",
            scope["method"],
            scope["path"],
            answer.status,
            extra={"fields": _fields(scope, answer, route, seconds)},
        )


def _fields(scope: Scope, answer: _Answer, route: str, seconds: float) -> dict[str, Any]:
    key = scope.get("key")
    return {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "route": route,
        "status": answer.status,
        "seconds": round(seconds, 6),
        "bytes": answer.num_bytes,
        "client": (scope.get("client") or ("",))[0],
        "key": key.name if key else None,
    }
