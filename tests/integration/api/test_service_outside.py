"""The running service from outside: authentication, invalid and excessive requests, metrics, TLS, shutdown."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import trustme
import urllib3

from api.client import ServiceError, TripletClient
from api.errors import ApiError
from api.middleware.api_keys import KeyFile
from api.server.main import check_tls
from api.wire.arrow import MEDIA_TYPE
from api.wire.triplets import decode_triplets
from tests.conftest import Graph, Wait, end, free_port, wait_until_ready
from tests.integration.api.test_api_service import assert_problem, get, publish
from tests.sockets import received_until_closed

QUERY: dict[str, Any] = {"seed": 0, "mix": "transitive:1", "negatives": "batch", "count": 10}


@pytest.fixture
def keys(graph: Graph) -> Iterator[KeyFile]:
    file = KeyFile(graph.folder.keys_file)
    yield file


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def metrics(url: str, **headers: str) -> dict[str, float]:
    """Return each sample by its name and labels."""
    answer = get(f"{url}/metrics", **headers)
    assert answer.status == 200, answer.data
    lines = answer.data.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def exchange(url: str, *parts: bytes, seconds: float = 30) -> bytes:
    """Send the parts, and return all bytes that the service sends before it closes the connection."""
    at = urlsplit(url)
    assert at.hostname and at.port
    with socket.create_connection((at.hostname, at.port), timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the service closed the connection early
        return received_until_closed(connection)


# API keys


def test_a_running_service_accepts_keys_until_they_are_revoked(graph: Graph, keys: KeyFile) -> None:
    snapshot = publish(graph)
    with graph.service(free_port()) as url:
        assert get(f"{url}/v1/snapshots").status == 200
        token = graph.run("keys", "create", "trainer").stdout.strip()
        admin = keys.create("admin", ["admin"])[1]
        assert_problem(get(f"{url}/v1/snapshots"), 401, "key-needed")
        with TripletClient(url, api_key=token) as client:
            assert client.snapshot()["id"] == snapshot.id
            assert_problem(get(f"{url}/metrics", **bearer(token)), 403, "scope-missing")
            assert_problem(get(f"{url}/v1/snapshots", **bearer(admin)), 403, "scope-missing")
            assert metrics(url, **bearer(admin))['affinity_errors_total{type="scope-missing"}'] == 2
            graph.run("keys", "revoke", "trainer")
            with pytest.raises(ServiceError, match="Key needed") as refused:
                client.snapshot()
            assert refused.value.problem["request_id"] in str(refused.value)


def test_a_client_beyond_its_rate_waits_and_gets_everything(graph: Graph, keys: KeyFile) -> None:
    snapshot = publish(graph)
    token, admin = keys.create("trainer", rate=4.0)[1], keys.create("admin", ["admin"])[1]
    with graph.service(free_port()) as url, TripletClient(url, api_key=token) as client:
        batches = [client.triplets(snapshot.id, position=10 * step, **QUERY) for step in range(12)]
        assert [batch.position[0] for batch in batches] == list(range(0, 120, 10))
        found = metrics(url, **bearer(admin))
        assert found['affinity_errors_total{type="too-many-requests"}'] > 0


def test_with_a_key_the_service_may_listen_on_the_network(graph: Graph, keys: KeyFile) -> None:
    refused = graph.run("serve", "--host", "0.0.0.0", "--port", "0", check=False)
    assert refused.returncode == 1 and "affinity keys create" in refused.stderr
    token = keys.create("one")[1]
    port = free_port()
    process = graph.start("serve", "--host", "0.0.0.0", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    wait_until_ready(url, process)
    assert get(f"{url}/v1/snapshots").status == 401
    assert get(f"{url}/v1/snapshots", **bearer(token), Host="elsewhere.example").status == 200
    keys.path.unlink()
    assert get(f"{url}/v1/snapshots").status == 401
    end(process)


# Invalid requests, and too many

LONG = b"a" * 40_000
INVALID_REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 30,
    "no host": b"GET /v1/snapshots HTTP/1.1\r\nConnection: close\r\n\r\n",
    "long address": b"GET /v1/snapshots?" + LONG + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "long header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + LONG + b"\r\n\r\n",
    "many headers": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 40_000 + b"\r\n",
    "endless header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 3_000_000,
    "two lengths": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "other name": b"GET /healthz HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n",
    "two names": b"GET /healthz HTTP/1.1\r\nHost: elsewhere.example\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "null": b"GET /v1/patches/%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "no UTF-8": b"GET /v1/patches/%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "full address": b"GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "method": b"BREW /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "body": b'POST /v1/snapshots HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n'
    b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID_REQUESTS)
def test_an_invalid_request_is_a_problem_and_the_service_goes_on(service: str, name: str) -> None:
    head, _, body = exchange(service, INVALID_REQUESTS[name]).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert 400 <= status < 500, head
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
    assert b"Traceback" not in body
    assert get(f"{service}/healthz").status == 200


PATHS_OUTSIDE = [
    "/docs-assets/../../../etc/passwd",
    "/docs-assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/docs-assets/..%2f..%2f..%2fetc%2fpasswd",
    "/docs-assets//etc/passwd",
    "/v1/patches/..%2f..%2fstore",
    "/v1/patches/..%2f..%2fstore/image",
    "/v1/snapshots/..%2flatest",
    "/problems/..%2fhealthz",
]


@pytest.mark.parametrize("path", PATHS_OUTSIDE)
def test_no_path_leads_out_of_the_served_files(service: str, path: str) -> None:
    answer = exchange(service, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] == b"404"
    assert b"root:" not in answer


CYPHER = ["'}) MATCH (n) RETURN n;", "' OR 1=1", "$id", "latest' DETACH DELETE s", "{}", "`"]


@pytest.mark.parametrize("text", CYPHER)
def test_cypher_in_a_request_is_only_an_unknown_id(service: str, text: str) -> None:
    http = urllib3.PoolManager()
    quoted = urllib3.util.url._encode_invalid_chars(text, set()) or ""
    assert_problem(get(f"{service}/v1/snapshots/{quoted}"), 404, "snapshot-not-found")
    assert_problem(get(f"{service}/v1/patches/{quoted}"), 404, "patch-not-found")
    url = f"{service}/v1/snapshots/latest/triplets"
    for name in ("mix", "negatives", "seed"):
        assert http.request("GET", url, fields={name: text}).status == 422


def test_requests_above_the_limit_are_refused_and_the_client_retries_them(graph: Graph) -> None:
    snapshot = publish(graph)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    wait_until_ready(url, graph.start("serve", "--port", str(port), "--in-flight", "1"))

    def pull(number: int) -> int:
        with TripletClient(url) as client:
            return len(client.triplets(snapshot.id, **QUERY | {"count": 1000, "position": 1000 * number}))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(pull, range(8))) == [1000] * 8
    assert metrics(url)['affinity_errors_total{type="overloaded"}'] > 0


def test_an_unread_answer_counts_as_in_flight_until_it_is_read(graph: Graph) -> None:
    snapshot = publish(graph)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    wait_until_ready(url, graph.start("serve", "--port", str(port), "--in-flight", "1"))
    path = f"/v1/snapshots/{snapshot.id}/triplets?count=4096&mix=intra:1"
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # keep the buffer of the system small
        slow.connect(("127.0.0.1", port))
        slow.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: {MEDIA_TYPE}\r\n\r\n".encode())
        head = slow.recv(1000)
        assert head.startswith(b"HTTP/1.1 200")
        for _ in range(5):
            assert_problem(get(f"{url}/v1/snapshots"), 503, "overloaded")
            time.sleep(0.1)
        answer = head + received_until_closed(slow)
    assert len(decode_triplets(answer.partition(b"\r\n\r\n")[2])) == 4096
    assert get(f"{url}/v1/snapshots").status == 200


def test_the_metrics_count_requests_and_answers(service: str, world: Graph) -> None:
    path = f"/v1/snapshots/{world.store.snapshot('latest').id}/triplets?seed=77&count=10"
    before = metrics(service)
    sizes = [len(get(f"{service}{path}").data) for _ in range(2)]
    get(f"{service}/v1/snapshots/{'0' * 16}")
    after = metrics(service)
    more = {name: count - before.get(name, 0) for name, count in after.items()}
    assert more["affinity_rows_total"] == 20
    assert more['affinity_sent_bytes_total{route="/v1/snapshots/{id}/triplets"}'] == sum(sizes)
    assert more['affinity_requests_total{method="GET",route="/v1/snapshots/{id}/triplets",status="200"}'] == 2
    assert more['affinity_request_seconds_count{route="/v1/snapshots/{id}/triplets"}'] == 2
    assert more['affinity_windows_total{result="missed"}'] >= 1
    assert more['affinity_windows_total{result="hit"}'] >= 2  # the index and the window, which were read before
    assert more["affinity_graph_seconds_count"] >= 1
    assert more['affinity_errors_total{type="snapshot-not-found"}'] == 1
    assert after["affinity_requests_in_flight"] == 1  # the request for the metrics itself


# Workers, TLS, shutdown


def test_workers_share_the_socket_and_their_metrics(graph: Graph, keys: KeyFile, wait_for: Wait) -> None:
    snapshot = publish(graph)
    process = graph.start("serve", "--port", "0", "--workers", "2", "--json", "--log-format", "json")
    assert process.stdout is not None and process.stderr is not None
    url = json.loads(process.stdout.readline())["url"]
    logged: list[str] = []
    # Read all the time: when the pipe is full, the service drops lines of its log.
    reading = Thread(target=logged.extend, args=(process.stderr,))
    reading.start()
    workers = [one for one in psutil.Process(process.pid).children() if "spawn_main" in str(one.cmdline())]
    assert len(workers) == 2
    for _ in range(40):
        assert get(f"{url}/v1/snapshots/{snapshot.id}", Connection="close").status == 200
    counts = [metrics(url, Connection="close") for _ in range(6)]
    route = 'affinity_requests_total{method="GET",route="/v1/snapshots/{id}",status="200"}'
    assert [one[route] for one in counts] == [40] * 6
    assert [one["affinity_workers"] for one in counts] == [2] * 6
    token = keys.create("one", ["read", "admin"])[1]
    assert {get(f"{url}/v1/snapshots", Connection="close").status for _ in range(20)} == {401}
    keys.revoke("one")
    assert {get(f"{url}/v1/snapshots", Connection="close", **bearer(token)).status for _ in range(20)} == {401}
    token = keys.create("two", ["read", "admin"])[1]
    workers[0].kill()
    wait_for(lambda: len(set(psutil.Process(process.pid).children()) - {workers[0]}) == 3)
    wait_for(lambda: metrics(url, **bearer(token))["affinity_workers"] == 2)
    assert metrics(url, **bearer(token))[route] == 40
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not any(worker.is_running() for worker in workers)
    reading.join()
    lines = [json.loads(line) for line in logged if line[0] == "{"]
    assert sum(one.get("route") == "/v1/snapshots/{id}" for one in lines) == 40
    assert any(f"Worker {workers[0].pid} of the service died" in one["message"] for one in lines)


def test_workers_stop_when_their_parent_is_killed(graph: Graph, wait_for: Wait) -> None:
    process = graph.start("serve", "--port", "0", "--workers", "2", "--json")
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    workers = psutil.Process(process.pid).children()
    process.kill()
    wait_for(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers))
    with pytest.raises(urllib3.exceptions.HTTPError):
        get(url)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write a certificate for 127.0.0.1, its private key, and the certificate of its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = {name: folder / f"{name}.pem" for name in ("cert", "key", "authority", "other", "locked")}
    issued.cert_chain_pems[0].write_to_path(files["cert"])
    issued.private_key_pem.write_to_path(files["key"])
    authority.cert_pem.write_to_path(files["authority"])
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(files["other"])
    lock = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", str(files["key"]), "-out"]
    subprocess.run([*lock, str(files["locked"])], check=False, capture_output=True)
    return files


def test_a_client_that_trusts_the_certificate_connects_by_tls(
    graph: Graph, certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = publish(graph)
    options = ("--tls-cert", str(certificates["cert"]), "--tls-key", str(certificates["key"]))
    process = graph.start("serve", "--port", "0", "--json", *options)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("https://127.0.0.1:")
    with TripletClient(url, patience=0) as client, pytest.raises(Exception, match="certificate"):
        client.snapshot()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["authority"]))
    with TripletClient(url, patience=30) as client:
        assert client.snapshot()["id"] == snapshot.id
        assert len(client.triplets(snapshot.id, position=0, **QUERY)) == 10
    at = urlsplit(url)
    assert at.hostname and at.port
    old = ssl.create_default_context()
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((at.hostname, at.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=at.hostname)


UNUSABLE = [("cert", "other"), ("cert", None), ("missing", "key"), ("key", "key"), ("cert", "locked")]


@pytest.mark.parametrize(("certificate", "key"), UNUSABLE)
def test_unusable_certificates_are_refused_before_the_service_listens(
    certificates: dict[str, Path], certificate: str, key: str | None
) -> None:
    files = certificates | {"missing": Path("/nowhere/cert.pem")}
    with pytest.raises(ApiError, match=str(files[certificate])):
        check_tls(files[certificate], files[key] if key else None)


def test_an_unusable_certificate_gives_a_sentence(graph: Graph, certificates: dict[str, Path]) -> None:
    done = graph.run("serve", "--port", "0", "--tls-key", str(certificates["key"]), check=False)
    assert done.returncode == 1
    assert "TLS" in done.stderr and "Traceback" not in done.stderr


def num_begun(found: dict[str, float]) -> float:
    """Return the number of requests for triplets, including those in flight."""
    done = sum(count for name, count in found.items() if "_requests_total" in name and "{id}/triplets" in name)
    return done + found["affinity_requests_in_flight"] - 1


def test_requests_in_flight_are_finished_before_the_service_ends(graph: Graph, wait_for: Wait) -> None:
    snapshot = publish(graph)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = graph.start("serve", "--port", str(port))
    wait_until_ready(url, process)
    path = f"/v1/snapshots/{snapshot.id}/triplets?count=1000&mix=intra:1"
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(4)]
        for seed, connection in enumerate(connections):
            head = f"GET {path}&seed={seed} HTTP/1.1\r\nHost: localhost\r\nAccept: {MEDIA_TYPE}\r\n\r\n"
            connection.sendall(head.encode())
        wait_for(lambda: num_begun(metrics(url)) == 4)
        process.send_signal(signal.SIGTERM)
        for connection in connections:
            with connection.makefile("rb") as answer:
                status, body = answer.read().split(b"\r\n\r\n", 1)
            assert status.startswith(b"HTTP/1.1 200"), status
            assert len(decode_triplets(body)) == 1000
    assert process.wait(30) == 0


# A damaged graph


def test_missing_rows_have_a_problem_type_and_name_the_request(graph: Graph) -> None:
    snapshot = publish(graph)
    graph.cypher("MATCH ()-[r:INTER]->() DELETE r")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = graph.start("serve", "--port", str(port), "--log-format", "json")
    wait_until_ready(url, process)
    answer = get(f"{url}/v1/snapshots/{snapshot.id}/triplets?mix=inter:1", **{"X-Request-Id": "mine"})
    problem = assert_problem(answer, 500, "graph-damaged")
    assert problem["request_id"] == answer.headers["X-Request-Id"] == "mine"
    assert b"KeyError" not in answer.data and b"Traceback" not in answer.data
    end(process)
