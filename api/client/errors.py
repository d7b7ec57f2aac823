"""The errors of the client.

ClientError              its message says what happened, to what, and what to do next
  x AddressError         the URL is not the address of a service
  x ServiceError         the service refused the request; a retry would not help
  x ServiceUnavailable   no whole answer came within the client's patience
  x WireError            a body is cut, damaged or reordered, or answers another request (`api.wire.errors`)
    - WireVersionError   the service uses another version of the format; a retry would not help (`api.wire.errors`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.wire.errors import ClientError


class AddressError(ClientError):
    """The URL is not the address of a service."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url!r} is not the address of a triplet service. An address looks like http://127.0.0.1:8477."
        )


class ServiceError(ClientError):
    """The service refused the request. Holds the problem details (RFC 9457) of its answer."""

    def __init__(self, url: str, status: int, problem: Mapping[str, Any]) -> None:
        self.url = url
        self.status = status
        self.problem = dict(problem)
        self.type: str = problem.get("type", "about:blank")
        self.title: str = problem.get("title", f"HTTP status {status}")
        self.detail: str = problem.get("detail", "")
        message = f"{self.title}: {self.detail}" if self.detail else f"{self.title}, from {url}"
        super().__init__(message + request_note(problem))


class ServiceUnavailable(ClientError):
    """No whole answer came in `waited` seconds. The last failure is the cause."""

    def __init__(self, url: str, waited: float, reason: str) -> None:
        self.url = url
        self.waited = waited
        super().__init__(
            f"The triplet service gave no whole answer to {url} in {waited:.0f} s; the last try: {reason}. "
            "Check that `affinity serve` runs and that the address is right."
        )


def request_note(problem: Mapping[str, Any]) -> str:
    """Name the request, as the log of the service does, at the end of a message."""
    return f" (request {problem['request_id']})" if problem.get("request_id") else ""
