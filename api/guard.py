"""Who may ask: whoever has the key; where there is none, whoever sits at this machine."""

from __future__ import annotations

import hmac
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import HOST, KEY, problem

# A page from anywhere can have a browser send requests to 127.0.0.1 under a name of its own; such a name is not here.
LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d*)?", re.ASCII | re.IGNORECASE)
OPEN_PATHS = ("/healthz", "/readyz", "/docs", "/openapi.json")
"""Probes and the description of the API need no key; they tell nothing of the graph."""
OPEN_FOLDERS = ("/problems/", "/docs-assets/")


class Guard:
    """ASGI middleware: without a key it answers local hosts only, with one it answers those who send it."""

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._key = api_key.encode() if api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if self._key is None and not LOCAL_HOST.fullmatch(headers.get("host", "")):
            detail = "Without a key, the service answers to the hosts localhost, 127.0.0.1 and [::1] only."
            return await problem(HOST, detail)(scope, receive, send)
        if self._key is not None and not is_open(scope["path"]) and not self._has_key(headers):
            return await problem(KEY, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)
        return await self._app(scope, receive, send)

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return hmac.compare_digest(key.encode(), self._key or b"")


def is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
