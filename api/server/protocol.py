"""HTTP as uvicorn speaks it, with bounds on what a stranger may send, and on how long an answer waits to be read."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.problems import LARGE, MALFORMED, ProblemType, problem

MAX_HEAD = 32_768
"""Bytes of a request's first line and headers."""
HEAD_SECONDS = 20.0
"""Seconds that they may take to come."""
READ_SECONDS = 30.0
READ_BYTES = 2**16
"""Whoever reads less than so much of an answer in so many seconds is left: it holds memory, and one of few places."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a head that is too large, hangs up on one that does not come, and says both in our own shape.

    Hangs up, too, on whoever does not read what it asked for.
    """

    _head_bytes = 0
    _in_head = True
    _is_too_large = False
    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self._watch_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        # The parser keeps what it has of a header to itself, however long that grows.
        if self._in_head and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._is_too_large = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_came()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD:
            self._is_too_large = True
            raise ValueError("too large")  # to the parser, which has the request refused
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """So much of an answer waits that the other side has to read first."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch_no_more()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn answers to bytes that are no request."""
        self.transport.write(_raw(LARGE if self._is_too_large else MALFORMED))
        self.transport.close()

    def _await_head(self) -> None:
        self._head_came()
        self._in_head, self._head_bytes = True, 0
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        self._in_head = False
        if self._late:
            self._late.cancel()

    def _watch_reading(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(READ_SECONDS, self._hang_up_unless_read, unread)

    def _hang_up_unless_read(self, unread: int) -> None:
        if unread - self.transport.get_write_buffer_size() < READ_BYTES:
            self.transport.abort()  # to close would wait for what is not read
        else:
            self._watch_reading()

    def _watch_no_more(self) -> None:
        if self._stalled:
            self._stalled.cancel()


def _raw(kind: ProblemType) -> bytes:
    """The problem as bytes of HTTP, after which the connection ends."""
    response = problem(kind)
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [STATUS_LINE[kind.status], *(name + b": " + value + b"\r\n" for name, value in headers)]
    return b"".join([*lines, b"\r\n", cast(bytes, response.body)])
