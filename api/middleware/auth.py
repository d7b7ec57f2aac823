"""Who may ask: whoever has a key; where there is none, whoever sits at this machine."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.middleware.api_keys import Keyring
from api.problems import HOST, KEY, SCOPE, problem

# A page from anywhere can have a browser send requests to 127.0.0.1 under a name of its own; such a name is not here.
LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d*)?", re.ASCII | re.IGNORECASE)
OPEN_PATHS = ("/healthz", "/readyz", "/docs", "/openapi.json")
"""Probes and the description of the API need no key; they tell nothing of the graph."""
OPEN_FOLDERS = ("/problems/", "/docs-assets/")
ADMIN_PATHS = ("/metrics",)


class Guard:
    """ASGI middleware: without keys it answers local hosts only, with keys those who send one. Leaves the key of the
    request in its scope."""

    def __init__(self, app: ASGIApp, keys: Keyring) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if not self._keys.is_locked:
            if not LOCAL_HOST.fullmatch(headers.get("host", "")):
                return await problem(HOST)(scope, receive, send)
        elif needed := needed_scope(scope["path"]):
            key = self._keys.find(token_in(headers))
            if key is None:
                return await problem(KEY, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)
            scope["key"] = key
            if needed not in key.scopes:
                detail = f"The key {key.name} opens {' and '.join(key.scopes)}; this needs {needed}."
                return await problem(SCOPE, detail)(scope, receive, send)
        return await self._app(scope, receive, send)


def needed_scope(path: str) -> str | None:
    """What a key must open for this path; None where there need be no key."""
    if path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
        return None
    return "admin" if path in ADMIN_PATHS else "read"


def token_in(headers: Headers) -> str:
    """The key that a request carries, if it is one at all."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
