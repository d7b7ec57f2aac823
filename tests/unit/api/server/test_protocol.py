"""The head of a request has limits in bytes and in time, and a client that does not read its answer is disconnected."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.server import protocol
from api.server.main import listen
from api.server.protocol import MAX_HEAD, BoundedProtocol
from tests.sockets import received_until_closed

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
LARGE = 2**24
"""Bytes of an answer that do not fit into the system's buffers."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `up` to `/`, and a large body to other paths."""
    content = "up" if scope["path"] == "/" else "a" * LARGE
    await PlainTextResponse(content)(scope, receive, send)


@pytest.fixture
def port() -> Iterator[int]:
    """A running server that waits 0.2 s for a head, and 0.2 s for a client to read."""
    with pytest.MonkeyPatch.context() as patch, listen("127.0.0.1", 0) as listener:
        patch.setattr(protocol, "HEAD_SECONDS", 0.2)
        patch.setattr(protocol, "READ_SECONDS", 0.2)
        config = uvicorn.Config(app, http=BoundedProtocol, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", GET, GET + b"X-Long: aaa"], ids=["nothing", "line", "host", "header"]
)
def test_an_incomplete_head_closes_the_connection(port: int, sent: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(sent)
        assert received_until_closed(connection) == b""


def test_a_slow_head_closes_the_connection(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(GET + b"X: ")
        try:
            for _ in range(1000):
                connection.sendall(b"a")
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            return
    raise AssertionError("the server read the whole head")


def test_a_connection_may_be_idle_between_two_requests(port: int) -> None:
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(GET + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)


def test_a_head_above_the_limit_is_refused(port: int) -> None:
    room = MAX_HEAD - 200
    with connect(port) as connection:
        connection.sendall(GET + b"Connection: close\r\nX: " + b"a" * room + b"\r\n\r\n")
        assert received_until_closed(connection).startswith(b"HTTP/1.1 200")
    for size in (MAX_HEAD, 10 * MAX_HEAD):
        with connect(port) as connection:
            connection.sendall(GET + b"X: " + b"a" * size + b"\r\n\r\n")
            head, _, body = received_until_closed(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431") and b"application/problem+json" in head
        assert json.loads(body)["type"] == "/problems/head-too-large"


def test_an_endless_head_is_refused_before_it_fills_the_memory(port: int) -> None:
    with connect(port) as connection:
        sent = 0
        try:
            connection.sendall(GET + b"X: ")
            while sent < 2**30:
                connection.sendall(b"a" * 2**16)
                sent += 2**16
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 2**24  # the buffers of the system hold some more


GET_LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_a_client_that_does_not_read_is_disconnected(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(GET_LARGE)
        time.sleep(1)
        assert len(received_until_closed(connection)) < LARGE


def test_a_client_that_reads_slowly_gets_its_whole_answer(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(GET_LARGE)
        received = 0
        while more := connection.recv(2**18):
            received += len(more)
            time.sleep(0.01)
        assert received > LARGE
