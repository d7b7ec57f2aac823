"""The client against a real HTTP server that fails in chosen ways."""

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

from api.client.errors import AddressError, ServiceError, ServiceUnavailable
from api.client.http import TripletClient
from api.wire import arrow
from api.wire.arrow import MEDIA_TYPE
from api.wire.errors import WireError, WireVersionError
from api.wire.triplets import TripletBatch, decode_triplets, encode_triplets

QUERY: dict[str, Any] = {"seed": 7, "mix": "transitive:7,intra:2", "negatives": "batch", "position": 90, "count": 4}


def a_body(num_pairs: int = 4, snapshot: str = "0123456789abcdef", **query: Any) -> bytes:
    ids = [f"{i:016x}-00000000-0-0-96" for i in range(num_pairs)]
    batch = TripletBatch(
        snapshot=snapshot,
        query=QUERY | query,
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
    return bytes(encode_triplets(batch)[0])


BODY = a_body()

Reply = Callable[[BaseHTTPRequestHandler], None]


def reply(status: int, body: bytes, *, content_length: int | None = None, **headers: str) -> Reply:
    """Return an answer. `content_length` replaces its true Content-Length."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if content_length is None else content_length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = content_length is not None

    return send


def disconnect(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


GOOD = reply(200, BODY)
BUSY = reply(503, json.dumps({"detail": "the graph is away"}).encode())


class Server(ThreadingHTTPServer):
    """Answers request i with reply i, and all later requests with the last reply."""

    replies: list[Reply]
    requests: list[tuple[str, dict[str, str]]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        replies = self.server.replies
        (replies.pop(0) if len(replies) > 1 else replies[0])(self)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


@contextmanager
def serving(*replies: Reply, port: int = 0) -> Iterator[Server]:
    server = Server(("127.0.0.1", port), Handler)
    server.replies, server.requests = list(replies), []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pull(client: TripletClient) -> str:
    return client.triplets("0123456789abcdef", **QUERY).digest


pytestmark = pytest.mark.usefixtures("short_pauses")


def test_a_batch_arrives_as_it_was_sent() -> None:
    with serving(GOOD) as server, TripletClient(server.url + "/", api_key="secret") as client:
        assert pull(client) == decode_triplets(BODY).digest
    path, headers = server.requests[0]
    assert path.startswith("/v1/snapshots/0123456789abcdef/triplets?seed=7&mix=transitive%3A7%2Cintra%3A2")
    assert headers["Accept"] == MEDIA_TYPE
    assert headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(BUSY, id="service unavailable"),
        pytest.param(reply(500, b"<html>"), id="server error without a problem document"),
        pytest.param(reply(429, b"{}"), id="too many requests"),
        pytest.param(reply(200, BODY[:500], content_length=len(BODY)), id="body shorter than its Content-Length"),
        pytest.param(reply(200, BODY[:-8]), id="body cut, its length adjusted"),
        pytest.param(reply(200, BODY[:-200] + bytes([BODY[-200] ^ 1]) + BODY[-199:]), id="damaged body"),
        pytest.param(reply(200, a_body(5)), id="answer with another count"),
        pytest.param(reply(200, a_body(seed=8)), id="answer to another seed"),
        pytest.param(reply(200, a_body(snapshot="fedcba9876543210")), id="answer of another snapshot"),
        pytest.param(disconnect, id="connection closed"),
    ],
)
def test_a_failure_that_may_pass_is_retried(failure: Reply) -> None:
    with serving(failure, failure, GOOD) as server, TripletClient(server.url) as client:
        assert pull(client) == decode_triplets(BODY).digest
    assert len(server.requests) == 3


def test_a_lasting_failure_raises_service_unavailable_with_its_cause() -> None:
    with (
        serving(reply(200, BODY[:-9])) as server,
        TripletClient(server.url, patience=0.2) as client,
        pytest.raises(ServiceUnavailable, match="cut") as error,
    ):
        pull(client)
    assert isinstance(error.value.__cause__, WireError)
    assert len(server.requests) > 2


def test_the_client_waits_for_a_service_that_starts_late() -> None:
    with serving(GOOD) as server:
        port = server.server_port
    digests: list[str] = []
    with TripletClient(f"http://127.0.0.1:{port}") as client:
        waiting = threading.Thread(target=lambda: digests.append(pull(client)))
        waiting.start()
        time.sleep(0.1)
        with serving(GOOD, port=port):
            waiting.join(timeout=30)
    assert digests == [decode_triplets(BODY).digest]


def test_a_service_that_does_not_answer_is_asked_again_after_the_timeout() -> None:
    with (
        serving(lambda _: time.sleep(0.5), reply(200, b'{"id": "a"}')) as server,
        TripletClient(server.url, timeout=0.1) as client,
    ):
        assert client.snapshot()["id"] == "a"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        pytest.param(None, "the last try: connection refused. Check", id="no server"),
        pytest.param(disconnect, "the last try: connection aborted. Check", id="connection closed"),
        pytest.param(lambda _: time.sleep(0.5), "the last try: read timed out. (read timeout=0.1)", id="no answer"),
        pytest.param(BUSY, "the last try: HTTP 503: ", id="service unavailable"),
    ],
)
def test_the_error_gives_a_short_reason(failure: Reply | None, words: str) -> None:
    with serving(failure or GOOD) as server:
        url = server.url
        if failure is not None:
            assert words in message_of_failure(url)
    if failure is None:
        assert words in message_of_failure(url)


def message_of_failure(url: str) -> str:
    with TripletClient(url, timeout=0.1, patience=0.05) as client, pytest.raises(ServiceUnavailable) as error:
        pull(client)
    return str(error.value)


def test_a_refusal_raises_service_error_at_once_with_its_problem_details() -> None:
    problem = {"type": "/problems/snapshot-gone", "title": "Snapshot gone", "detail": "It ended.", "successor": "b"}
    with (
        serving(reply(410, json.dumps(problem).encode())) as server,
        TripletClient(server.url) as client,
        pytest.raises(ServiceError, match=r"Snapshot gone: It ended\.") as error,
    ):
        client.snapshot("a")
    assert (error.value.status, error.value.type) == (410, "/problems/snapshot-gone")
    assert error.value.problem["successor"] == "b"
    assert len(server.requests) == 1


def test_another_version_of_the_format_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(arrow, "VERSION", "2")
        other = a_body()
    with (
        serving(reply(200, other)) as server,
        TripletClient(server.url) as client,
        pytest.raises(WireVersionError, match="version 2"),
    ):
        pull(client)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "value"), [(503, "1"), (503, "date"), (429, "1")])
def test_the_client_waits_as_long_as_retry_after_says(status: int, value: str) -> None:
    begun = time.time()
    after = formatdate(begun + 2, usegmt=True) if value == "date" else value
    with serving(reply(status, b"{}", Retry_After=after), GOOD) as server, TripletClient(server.url) as client:
        pull(client)
    assert time.time() - begun >= 0.9


def test_a_retry_after_beyond_the_patience_raises_at_once() -> None:
    with (
        serving(reply(503, b"{}", Retry_After="900")) as server,
        TripletClient(server.url, patience=5) as client,
        pytest.raises(ServiceUnavailable),
    ):
        client.snapshot()
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 429, 503])
def test_errors_name_the_request_id(status: int) -> None:
    body = json.dumps({"detail": "no", "request_id": "abc-1"}).encode()
    with (
        serving(reply(status, body)) as server,
        TripletClient(server.url, patience=0) as client,
        pytest.raises((ServiceError, ServiceUnavailable), match=r"no \(request abc-1\)"),
    ):
        client.snapshot()


def test_the_redirect_of_latest_is_followed() -> None:
    with (
        serving(reply(307, b"", Location="/v1/snapshots/a"), reply(200, b'{"id": "a"}')) as server,
        TripletClient(server.url) as client,
    ):
        assert client.snapshot("latest") == {"id": "a"}
    assert [path for path, _ in server.requests] == ["/v1/snapshots/latest", "/v1/snapshots/a"]


def test_threads_can_share_a_client() -> None:
    with serving(GOOD) as server, TripletClient(server.url) as client, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(pull, [client] * 40)) == {decode_triplets(BODY).digest}


def test_closing_ends_the_pause_of_another_thread() -> None:
    with serving(reply(503, b"{}", Retry_After="100")) as server, ThreadPoolExecutor(1) as pool:
        client = TripletClient(server.url)
        waiting = pool.submit(client.snapshot)
        while not server.requests:
            time.sleep(0.01)
        client.close()
        assert isinstance(waiting.exception(timeout=10), ServiceUnavailable)


@pytest.mark.parametrize("url", ["127.0.0.1:8477", "ftp://127.0.0.1", "http://", "", "http://[::1"])
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(AddressError, match="is not the address"):
        TripletClient(url)


def test_importing_the_client_imports_nothing_heavy() -> None:
    script = "import sys, api.client; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "starlette", "neo4j", "cv2", "torch", "graphdb", "pydantic"} & set(loaded)
