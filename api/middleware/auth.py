"""Authentication: an API key, or requests from this machine only if there are no keys."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.middleware.api_keys import Keyring
from api.problems import KEY_NEEDED, MISDIRECTED, SCOPE_MISSING, problem_response

# A web page can point a host name of its own at 127.0.0.1 and make a browser send requests there (DNS rebinding).
# Such a request carries that name as its host.
LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d*)?", re.ASCII | re.IGNORECASE)
OPEN_PATHS = ("/healthz", "/readyz", "/docs", "/openapi.json")
"""Paths that need no key: probes and the description of the API, which reveal nothing of the graph."""
OPEN_FOLDERS = ("/problems/", "/docs-assets/")
ADMIN_PATHS = ("/metrics",)


class Authentication:
    """ASGI middleware: requires a key if there are keys, and a local host name if there are none.

    Puts the key of the request into its scope as `key`.
    """

    def __init__(self, app: ASGIApp, keys: Keyring) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if not self._keys.is_locked:
            if not LOCAL_HOST.fullmatch(headers.get("host", "")):
                return await problem_response(MISDIRECTED)(scope, receive, send)
        elif needed := needed_scope(scope["path"]):
            key = self._keys.find(token_in(headers))
            if key is None:
                return await problem_response(KEY_NEEDED, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)
            scope["key"] = key
            if needed not in key.scopes:
                detail = f"The key {key.name} has the scope {' and '.join(key.scopes)}; this path needs {needed}."
                return await problem_response(SCOPE_MISSING, detail)(scope, receive, send)
        return await self._app(scope, receive, send)


def needed_scope(path: str) -> str | None:
    """Return the scope that a key needs for this path, or None if the path needs no key."""
    if path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
        return None
    return "admin" if path in ADMIN_PATHS else "read"


def token_in(headers: Headers) -> str:
    """Return the key that a request carries, or an empty string."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
