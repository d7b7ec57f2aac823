"""Request id, access log, metrics, and the answer to an unexpected error."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logs, metrics
from api.problems import BUG, STOPPING, problem_response

log = logging.getLogger(__name__)
ID_HEADER = "X-Request-Id"


class AccessLog:
    """ASGI middleware around everything else. Answers a bug with a problem that names the request in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        # Never reset: each request runs in a task of its own, in which the server still logs after this returns.
        logs.request_id.set(logs.request_id_from(Headers(scope=scope).get(ID_HEADER)))
        answer = _Answer(send)
        begun = perf_counter()
        with metrics.IN_FLIGHT.track_inprogress():
            try:
                await self._app(scope, receive, answer.send)
            except asyncio.CancelledError:
                # When the time to shut down is over, the server cancels all requests.
                if answer.status:
                    raise
                await problem_response(STOPPING)(scope, receive, answer.send)
            except Exception:
                log.exception("%s %s failed", scope["method"], scope["path"])
                if answer.status:
                    raise  # a part of the answer was sent: the server can only close the connection
                await problem_response(BUG)(scope, receive, answer.send)
            finally:
                _record(scope, answer, perf_counter() - begun)


class _Answer:
    """Sends an answer, and keeps its status and size."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.num_bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[ID_HEADER] = logs.request_id.get()
        elif message["type"] == "http.response.body":
            self.num_bytes += len(message.get("body", b""))
        await self._send(message)


def _record(scope: Scope, answer: _Answer, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "other")
    metrics.REQUESTS.labels(route, metrics.method_label(scope["method"]), str(answer.status)).inc()
    metrics.LATENCY.labels(route).observe(seconds)
    metrics.SENT.labels(route).inc(answer.num_bytes)
    if logs.requests.isEnabledFor(logging.INFO):
        fields = _fields(scope, answer, route, seconds)
        logs.requests.info("%s %s %d", scope["method"], scope["path"], answer.status, extra={"fields": fields})


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
