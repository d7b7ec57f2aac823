"""The client against a real HTTP server that misbehaves as told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from api import body, wire
from api.client import AddressError, ServiceError, ServiceUnavailable, TripletClient

ASK: dict[str, Any] = {"seed": 7, "mix": "transitive:7,intra:2", "negatives": "batch", "position": 90, "count": 4}


def a_body(num_pairs: int = 4, snapshot: str = "0123456789abcdef", **query: Any) -> bytes:
    ids = [f"{i:016x}-00000000-0-0-96" for i in range(num_pairs)]
    batch = wire.TripletBatch(
        snapshot=snapshot,
        query=ASK | query,
        position=np.arange(90, 90 + num_pairs),
        epoch=np.zeros(num_pairs, np.int64),
        kind=["transitive"] * num_pairs,
        anchor_id=ids,
        positive_id=ids,
        negative_id=ids,
        anchor_group=ids,
        positive_group=ids,
        negative_group=ids,
        images=[b"\xff\xd8" + bytes([i]) * 100 for i in range(2 * num_pairs)],
        negative_idx=np.arange(num_pairs)[::-1].copy(),
    )
    return bytes(wire.encode(batch)[0])


BODY = a_body()

Reply = Callable[[BaseHTTPRequestHandler], None]


def reply(status: int, body: bytes, *, promise: int | None = None, **headers: str) -> Reply:
    """An answer; with `promise` its Content-Length says that instead."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if promise is None else promise))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = promise is not None

    return send


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


GOOD = reply(200, BODY)
BUSY = reply(503, json.dumps({"detail": "the graph is away"}).encode())


class Server(ThreadingHTTPServer):
    """Answers request i with reply i, and with the last one from then on."""

    replies: list[Reply]
    asked: list[tuple[str, dict[str, str]]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        replies = self.server.replies
        (replies.pop(0) if len(replies) > 1 else replies[0])(self)

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@contextmanager
def serving(*replies: Reply, port: int = 0) -> Iterator[Server]:
    server = Server(("127.0.0.1", port), Handler)
    server.replies, server.asked = list(replies), []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pull(triplets: TripletClient) -> str:
    return triplets.triplets("0123456789abcdef", **ASK).digest


pytestmark = pytest.mark.usefixtures("short_pauses")


def test_a_batch_arrives_as_it_was_sent() -> None:
    with serving(GOOD) as server, TripletClient(server.url + "/", api_key="secret") as triplets:
        assert pull(triplets) == wire.decode(BODY).digest
    path, headers = server.asked[0]
    assert path.startswith("/v1/snapshots/0123456789abcdef/triplets?seed=7&mix=transitive%3A7%2Cintra%3A2")
    assert headers["Accept"] == wire.MEDIA_TYPE
    assert headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(BUSY, id="service unavailable"),
        pytest.param(reply(500, b"<html>"), id="server error that is no problem document"),
        pytest.param(reply(429, b"{}"), id="too many requests"),
        pytest.param(reply(200, BODY[:500], promise=len(BODY)), id="body shorter than promised"),
        pytest.param(reply(200, BODY[:-8]), id="body cut, its length adjusted"),
        pytest.param(reply(200, BODY[:-200] + bytes([BODY[-200] ^ 1]) + BODY[-199:]), id="damaged body"),
        pytest.param(reply(200, a_body(5)), id="answer to another question"),
        pytest.param(reply(200, a_body(seed=8)), id="answer to another seed"),
        pytest.param(reply(200, a_body(snapshot="fedcba9876543210")), id="answer of another snapshot"),
        pytest.param(hang_up, id="connection closed"),
    ],
)
def test_what_may_pass_is_tried_again(trouble: Reply) -> None:
    with serving(trouble, trouble, GOOD) as server, TripletClient(server.url) as triplets:
        assert pull(triplets) == wire.decode(BODY).digest
    assert len(server.asked) == 3


def test_what_does_not_pass_is_one_typed_error_with_its_cause() -> None:
    with (
        serving(reply(200, BODY[:-9])) as server,
        TripletClient(server.url, patience=0.2) as triplets,
        pytest.raises(ServiceUnavailable, match="cut") as error,
    ):
        pull(triplets)
    assert isinstance(error.value.__cause__, wire.WireError)
    assert len(server.asked) > 2


def test_a_service_that_comes_up_late_is_waited_for() -> None:
    with serving(GOOD) as server:
        port = server.server_port
    digests: list[str] = []
    with TripletClient(f"http://127.0.0.1:{port}") as triplets:
        waiting = threading.Thread(target=lambda: digests.append(pull(triplets)))
        waiting.start()
        time.sleep(0.1)
        with serving(GOOD, port=port):
            waiting.join(timeout=30)
    assert digests == [wire.decode(BODY).digest]


def test_a_silent_service_is_left_after_the_timeout() -> None:
    with (
        serving(lambda _: time.sleep(0.5), reply(200, b'{"id": "a"}')) as server,
        TripletClient(server.url, timeout=0.1) as triplets,
    ):
        assert triplets.snapshot()["id"] == "a"


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        pytest.param(None, "the last try: connection refused. Check", id="nobody there"),
        pytest.param(hang_up, "the last try: connection aborted. Check", id="connection closed"),
        pytest.param(lambda _: time.sleep(0.5), "the last try: read timed out. (read timeout=0.1)", id="silence"),
        pytest.param(BUSY, "the last try: HTTP 503: ", id="service unavailable"),
    ],
)
def test_the_error_says_what_went_wrong_in_few_words(trouble: Reply | None, words: str) -> None:
    with serving(trouble or GOOD) as server:
        url = server.url
        if trouble is not None:
            assert words in last_words(url)
    if trouble is None:
        assert words in last_words(url)


def last_words(url: str) -> str:
    with TripletClient(url, timeout=0.1, patience=0.05) as triplets, pytest.raises(ServiceUnavailable) as error:
        pull(triplets)
    return str(error.value)


def test_a_refusal_is_raised_at_once_with_its_problem_details() -> None:
    problem = {"type": "/problems/snapshot-gone", "title": "Snapshot gone", "detail": "It ended.", "successor": "b"}
    with (
        serving(reply(410, json.dumps(problem).encode())) as server,
        TripletClient(server.url) as triplets,
        pytest.raises(ServiceError, match=r"Snapshot gone: It ended\.") as error,
    ):
        triplets.snapshot("a")
    assert (error.value.status, error.value.type) == (410, "/problems/snapshot-gone")
    assert error.value.problem["successor"] == "b"
    assert len(server.asked) == 1


def test_another_version_of_the_format_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(body, "VERSION", "2")
        other = a_body()
    with (
        serving(reply(200, other)) as server,
        TripletClient(server.url) as triplets,
        pytest.raises(wire.WireVersionError, match="version 2"),
    ):
        pull(triplets)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "value"), [(503, "1"), (503, "date"), (429, "1")])
def test_retry_after_is_obeyed(status: int, value: str) -> None:
    begun = time.time()
    after = formatdate(begun + 2, usegmt=True) if value == "date" else value
    with serving(reply(status, b"{}", Retry_After=after), GOOD) as server, TripletClient(server.url) as triplets:
        pull(triplets)
    assert time.time() - begun >= 0.9


def test_a_retry_after_beyond_the_patience_ends_the_wait_at_once() -> None:
    with (
        serving(reply(503, b"{}", Retry_After="900")) as server,
        TripletClient(server.url, patience=5) as triplets,
        pytest.raises(ServiceUnavailable),
    ):
        triplets.snapshot()
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [404, 429, 503])
def test_errors_quote_the_id_of_the_request(status: int) -> None:
    body = json.dumps({"detail": "no", "request_id": "abc-1"}).encode()
    with (
        serving(reply(status, body)) as server,
        TripletClient(server.url, patience=0) as triplets,
        pytest.raises((ServiceError, ServiceUnavailable), match=r"no \(request abc-1\)"),
    ):
        triplets.snapshot()


def test_latest_is_followed() -> None:
    with (
        serving(reply(307, b"", Location="/v1/snapshots/a"), reply(200, b'{"id": "a"}')) as server,
        TripletClient(server.url) as triplets,
    ):
        assert triplets.snapshot("latest") == {"id": "a"}
    assert [path for path, _ in server.asked] == ["/v1/snapshots/latest", "/v1/snapshots/a"]


def test_threads_share_a_client() -> None:
    with serving(GOOD) as server, TripletClient(server.url) as triplets, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(pull, [triplets] * 40)) == {wire.decode(BODY).digest}


def test_closing_ends_the_wait_of_another_thread() -> None:
    with serving(reply(503, b"{}", Retry_After="100")) as server, ThreadPoolExecutor(1) as pool:
        triplets = TripletClient(server.url)
        waiting = pool.submit(triplets.snapshot)
        while not server.asked:
            time.sleep(0.01)
        triplets.close()
        assert isinstance(waiting.exception(timeout=10), ServiceUnavailable)


@pytest.mark.parametrize("url", ["127.0.0.1:8477", "ftp://127.0.0.1", "http://", "", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(AddressError, match="is not the address"):
        TripletClient(url)


def test_importing_the_client_pulls_in_nothing_heavy() -> None:
    script = "import sys, api.client; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "starlette", "neo4j", "cv2", "torch", "graphdb", "pydantic"} & set(loaded)
