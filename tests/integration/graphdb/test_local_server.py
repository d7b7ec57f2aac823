"""The local Neo4j. All tests use one folder, and one server unless a test stops it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError
from rich.console import Console

from graphdb.errors import ServerDied
from graphdb.server.jars import cache_folder
from graphdb.server.local import LocalServer
from graphdb.settings import Connection

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose server is stopped after the last test."""
    root = tmp_path_factory.mktemp("server")
    yield root
    LocalServer(root / "neo4j").stop()


@pytest.fixture
def server(data: Path) -> LocalServer:
    """The folder's server, running."""
    server = LocalServer(data / "neo4j", console=QUIET)
    server.start()
    return server


def query_column(server: LocalServer | Connection, query: str) -> list[Any]:
    """Return the first column of a query's rows."""
    connection = server.connection if isinstance(server, LocalServer) else server
    with GraphDatabase.driver(connection.uri, auth=(connection.user, connection.password)) as driver:
        return [record[0] for record in driver.execute_query(query).records]


def affinity(data: Path, *arguments: str, pass_fds: Sequence[int] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "affinity", "graph", *arguments, "--data", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds)


def output(process: subprocess.Popen[str]) -> str:
    stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return stdout


def jvm(server: LocalServer) -> psutil.Process:
    pid = server.status().pid
    assert pid is not None
    return psutil.Process(pid)


def test_a_second_start_uses_the_running_server(server: LocalServer) -> None:
    pid = server.status().pid
    assert server.start() == server.connection
    assert server.status().pid == pid
    assert query_column(server, "RETURN 1") == [1]


def test_another_process_finds_the_server_and_its_counts(server: LocalServer, data: Path) -> None:
    status = json.loads(output(affinity(data, "status", "--json")))
    known = server.status()
    assert (status["running"], status["pid"], status["uri"]) == (True, known.pid, known.uri)
    assert Path(status["password_file"]).read_text().strip() == server.connection.password
    assert status["counts"]["videos"] == 0


def test_only_the_owner_can_read_the_folder_and_the_password(server: LocalServer) -> None:
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    command = " ".join(jvm(server).cmdline())
    assert server.connection.password not in command


def test_another_password_is_refused(server: LocalServer) -> None:
    connection = server.connection
    with pytest.raises(AuthError):
        query_column(Connection(connection.uri, connection.user, "a wrong password", connection.browser), "RETURN 1")


def test_the_server_listens_on_loopback_only(server: LocalServer) -> None:
    listening = [c.laddr for c in jvm(server).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.port for address in listening} == {server.ports.bolt, server.ports.http}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_neo4j_browser_is_served_and_connects_to_the_right_port(server: LocalServer) -> None:
    with urllib.request.urlopen(server.connection.browser, timeout=30) as page:
        assert b"Neo4j Browser" in page.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.ports.http}/", timeout=30) as page:
        assert json.load(page)["bolt_direct"] == server.connection.uri


def test_a_killed_server_is_noticed_and_committed_data_is_kept(server: LocalServer) -> None:
    query_column(server, "CREATE (:Kept {by: 'kill'})")
    process = jvm(server)
    process.kill()
    process.wait(30)
    assert not server.status().running
    server.start()
    assert query_column(server, "MATCH (k:Kept {by: 'kill'}) RETURN count(k)") == [1]


def test_stop_leaves_a_clean_store(server: LocalServer) -> None:
    query_column(server, "CREATE (:Kept {by: 'stop'})")
    process = jvm(server)
    assert server.stop()
    assert not process.is_running()
    assert not server.stop()
    assert not server.status().running
    server.start()
    assert query_column(server, "MATCH (k:Kept {by: 'stop'}) RETURN count(k)") == [1]
    log = (server.folder / "logs" / "debug.log").read_text()
    assert "Recovery required" not in log[log.rindex("Logging config in use") :]


def test_a_server_without_its_process_file_is_found_and_stopped(server: LocalServer) -> None:
    process = jvm(server)
    (server.folder / "process").unlink()
    assert server.status().pid == process.pid
    assert server.stop()
    assert not process.is_running()


def test_two_starts_at_once_give_one_server_on_free_ports(data: Path) -> None:
    server = LocalServer(data / "neo4j", console=QUIET)
    server.stop()
    before = server.ports
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", before.bolt))
        listener.listen()
        statuses = [json.loads(output(process)) for process in [affinity(data, "start", "--json") for _ in range(2)]]
    assert statuses[0] == statuses[1]
    assert server.ports.bolt != before.bolt
    assert statuses[0]["uri"] == server.connection.uri
    assert query_column(server, "RETURN 1") == [1]


def test_the_server_does_not_keep_a_lock_of_the_shell_that_started_it(server: LocalServer, data: Path) -> None:
    server.stop()
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # As `flock lock affinity graph start` does.
        starting = affinity(data, "start", pass_fds=[lock.fileno()])
    output(starting)
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert server.status().running


def test_reset_deletes_the_graph_and_keeps_password_and_ports(server: LocalServer) -> None:
    query_column(server, "CREATE (:Gone)")
    before = server.connection
    server.reset()
    assert not server.status().running
    assert server.start() == before
    assert query_column(server, "MATCH (n) RETURN count(n)") == [0]


def test_an_interrupted_start_leaves_no_server_running(data: Path, wait_for: Any) -> None:
    server = LocalServer(data / "neo4j", console=QUIET)
    server.stop()
    starting = affinity(data, "start")
    wait_for(lambda: server.status().running)
    starting.terminate()
    starting.communicate(timeout=120)
    assert starting.returncode != 0
    assert not server.status().running


def test_a_failed_start_shows_the_log(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "neo4j", console=QUIET)
    (server.folder / "data").mkdir(parents=True)
    (server.folder / "data" / "databases").write_text("not a folder")
    with pytest.raises(ServerDied, match="ended while starting") as failed:
        server.start()
    assert failed.value.log == server.log_tail() != ""
    assert failed.value.log in str(failed.value)
    assert not server.status().running
    assert os.path.exists(server.log)


@pytest.mark.slow
def test_the_first_start_does_not_wait_for_the_aot_cache_and_later_starts_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Any
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "jars").symlink_to(cache_folder() / "jars")
    monkeypatch.setenv("AFFINITY_CACHE", str(cache))
    server = LocalServer(tmp_path / "neo4j", console=QUIET)
    try:
        server.start()
        assert not any("AOTCache" in word for word in jvm(server).cmdline())
        wait_for(lambda: any(cache.glob("neo4j-*.aot")))
        wait_for(lambda: not any(cache.glob(".rehearsal-*")))
        server.stop()
        server.start()
        assert any("AOTCache" in word for word in jvm(server).cmdline())
    finally:
        server.stop()
