"""Send one request to an ASGI application, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(app: ASGIApp, url: str, method: str = "GET", **headers: str) -> Response:
    """Return the answer to a request. `headers` are written with underscores."""
    parts = urlsplit(url)
    named = {"host": "127.0.0.1", **headers}
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in named.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        try:
            await app(scope, receive, send)
        except RuntimeError:
            # After an answer with status 500, the error is raised again for the log of the server.
            if not sent:
                raise

    asyncio.run(run())
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Response(sent[0]["status"], answer, b"".join(message.get("body", b"") for message in sent[1:]))
