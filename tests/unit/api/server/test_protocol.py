"""What a stranger may send before anything is known of the request has bounds, in bytes and in time; so has how long
an answer waits to be read.
"""

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
from tests.sockets import heard

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


LARGE = 2**24
"""Bytes; more than the system takes off the server's hands."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Says `up`, or much."""
    said = "up" if scope["path"] == "/" else "a" * LARGE
    await PlainTextResponse(said)(scope, receive, send)


@pytest.fixture
def port() -> Iterator[int]:
    """A live server that waits a fifth of a second for a head, and for the next part of an answer to be read."""
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
def test_a_head_that_does_not_come_is_not_waited_for(port: int, sent: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(sent)
        assert heard(connection) == b""


def test_a_head_that_comes_in_drops_is_not_waited_for_either(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(GET + b"X: ")
        try:
            for _ in range(1000):
                connection.sendall(b"a")
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            return
    raise AssertionError("it listened to all of it")


def test_a_connection_may_rest_between_two_requests(port: int) -> None:
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(GET + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)


def test_a_head_may_have_so_many_bytes_and_no_more(port: int) -> None:
    room = MAX_HEAD - 200
    with connect(port) as connection:
        connection.sendall(GET + b"Connection: close\r\nX: " + b"a" * room + b"\r\n\r\n")
        assert heard(connection).startswith(b"HTTP/1.1 200")
    for size in (MAX_HEAD, 10 * MAX_HEAD):
        with connect(port) as connection:
            connection.sendall(GET + b"X: " + b"a" * size + b"\r\n\r\n")
            head, _, body = heard(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431") and b"application/problem+json" in head
        assert json.loads(body)["type"] == "/problems/head-too-large"


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(port: int) -> None:
    with connect(port) as connection:
        sent = 0
        try:
            connection.sendall(GET + b"X: ")
            while sent < 2**30:
                connection.sendall(b"a" * 2**16)
                sent += 2**16
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 2**24  # what the system's own buffers hold is beyond us


MUCH = b"GET /much HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_whoever_does_not_read_its_answer_is_left(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(MUCH)
        time.sleep(1)
        assert len(heard(connection)) < LARGE


def test_whoever_reads_slowly_gets_all_of_its_answer(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(MUCH)
        received = 0
        while more := connection.recv(2**18):
            received += len(more)
            time.sleep(0.01)
        assert received > LARGE
