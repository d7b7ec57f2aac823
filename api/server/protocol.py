"""uvicorn's HTTP protocol with limits on the size and time of a request's head, and on slow readers.

uvicorn has no settings for these limits, and httptools, its parser, has none either: without them one client could fill
the memory with an endless header, or keep the places of all requests by not reading. A reverse proxy sets such limits,
but the service must also be safe without one. So this class overrides callbacks of uvicorn's protocol, which are not a
public interface: uvicorn is pinned below 1, and `test_protocol.py` checks each limit with a real server.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.problems import HEAD_TOO_LARGE, MALFORMED_REQUEST, ProblemType, problem_response

MAX_HEAD = 32_768
"""Bytes of a request's first line and headers, at most."""
HEAD_SECONDS = 20.0
"""Seconds in which they must arrive."""
READ_SECONDS = 30.0
READ_BYTES = 2**16
"""Minimum read rate: a client that reads fewer than READ_BYTES in READ_SECONDS is disconnected."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a head that is too large with problem details, and closes a connection whose head or reading is slow."""

    _head_bytes = 0
    _in_head = True
    _is_too_large = False
    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._stop_read_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        # The parser keeps an unfinished header of any length without a callback.
        if self._in_head and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._is_too_large = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD:
            self._is_too_large = True
            raise ValueError("too large")  # the parser then calls send_400_response
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start to measure the read rate: the buffer of unread bytes is full."""
        super().pause_writing()
        self._start_read_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_read_timer()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not a valid request, and close the connection."""
        self.transport.write(_raw_response(HEAD_TOO_LARGE if self._is_too_large else MALFORMED_REQUEST))
        self.transport.close()

    def _begin_head(self) -> None:
        self._end_head()
        self._in_head, self._head_bytes = True, 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_timer:
            self._head_timer.cancel()

    def _start_read_timer(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(READ_SECONDS, self._check_read_rate, unread)

    def _check_read_rate(self, unread: int) -> None:
        if unread - self.transport.get_write_buffer_size() < READ_BYTES:
            self.transport.abort()  # close() would wait until the rest was read
        else:
            self._start_read_timer()

    def _stop_read_timer(self) -> None:
        if self._read_timer:
            self._read_timer.cancel()


def _raw_response(problem_type: ProblemType) -> bytes:
    """Return the problem as bytes of HTTP, with `Connection: close`."""
    response = problem_response(problem_type)
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [STATUS_LINE[problem_type.status], *(name + b": " + value + b"\r\n" for name, value in headers)]
    return b"".join([*lines, b"\r\n", cast(bytes, response.body)])
