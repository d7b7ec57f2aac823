"""The local Neo4j: one folder and, where a test does not end it, one server for all tests of this file."""

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

from graphdb.jars import cache_folder
from graphdb.server import Connection, LocalServer, ServerDied

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder, whose server is ended with the last test."""
    root = tmp_path_factory.mktemp("server")
    yield root
    LocalServer(root / "neo4j").stop()


@pytest.fixture
def server(data: Path) -> LocalServer:
    """The folder's server, running."""
    server = LocalServer(data / "neo4j", console=QUIET)
    server.start()
    return server


def ask(server: LocalServer | Connection, query: str) -> list[Any]:
    """The first column of a query's answer."""
    there = server.connection if isinstance(server, LocalServer) else server
    with GraphDatabase.driver(there.uri, auth=(there.user, there.password)) as driver:
        return [record[0] for record in driver.execute_query(query).records]


def affinity(data: Path, *arguments: str, pass_fds: Sequence[int] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "affinity", "graph", *arguments, "--data", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds)


def output(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return said


def jvm(server: LocalServer) -> psutil.Process:
    pid = server.status().pid
    assert pid is not None
    return psutil.Process(pid)


def test_a_second_start_attaches_to_the_first(server: LocalServer) -> None:
    pid = server.status().pid
    assert server.start() == server.connection
    assert server.status().pid == pid
    assert ask(server, "RETURN 1") == [1]


def test_another_process_finds_the_server_and_counts_what_it_holds(server: LocalServer, data: Path) -> None:
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
    there = server.connection
    with pytest.raises(AuthError):
        ask(Connection(there.uri, there.user, "a wrong password", there.browser), "RETURN 1")


def test_the_server_listens_on_loopback_only(server: LocalServer) -> None:
    listening = [c.laddr for c in jvm(server).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.port for address in listening} == {server.ports.bolt, server.ports.http}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_neo4j_browser_is_served_and_dials_the_right_port(server: LocalServer) -> None:
    with urllib.request.urlopen(server.connection.browser, timeout=30) as page:
        assert b"Neo4j Browser" in page.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.ports.http}/", timeout=30) as page:
        assert json.load(page)["bolt_direct"] == server.connection.uri


def test_a_killed_server_is_noticed_and_what_it_had_committed_is_kept(server: LocalServer) -> None:
    ask(server, "CREATE (:Kept {by: 'kill'})")
    process = jvm(server)
    process.kill()
    process.wait(30)
    assert not server.status().running
    server.start()
    assert ask(server, "MATCH (k:Kept {by: 'kill'}) RETURN count(k)") == [1]


def test_a_stopped_server_leaves_a_clean_store(server: LocalServer) -> None:
    ask(server, "CREATE (:Kept {by: 'stop'})")
    process = jvm(server)
    assert server.stop()
    assert not process.is_running()
    assert not server.stop()
    assert not server.status().running
    server.start()
    assert ask(server, "MATCH (k:Kept {by: 'stop'}) RETURN count(k)") == [1]
    log = (server.folder / "logs" / "debug.log").read_text()
    assert "Recovery required" not in log[log.rindex("Logging config in use") :]


def test_a_server_whose_file_was_lost_is_found_and_ended(server: LocalServer) -> None:
    process = jvm(server)
    (server.folder / "process").unlink()
    assert server.status().pid == process.pid
    assert server.stop()
    assert not process.is_running()


def test_starting_twice_at_once_gives_one_server_on_ports_that_are_free(data: Path) -> None:
    server = LocalServer(data / "neo4j", console=QUIET)
    server.stop()
    before = server.ports
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", before.bolt))
        somebody.listen()
        said = [json.loads(output(process)) for process in [affinity(data, "start", "--json") for _ in range(2)]]
    assert said[0] == said[1]
    assert server.ports.bolt != before.bolt
    assert said[0]["uri"] == server.connection.uri
    assert ask(server, "RETURN 1") == [1]


def test_a_lock_that_a_command_was_started_under_is_free_when_it_ends(server: LocalServer, data: Path) -> None:
    server.stop()
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # As `flock lock affinity graph start` does it.
        starting = affinity(data, "start", pass_fds=[lock.fileno()])
    output(starting)
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert server.status().running


def test_reset_empties_the_graph_and_keeps_password_and_ports(server: LocalServer) -> None:
    ask(server, "CREATE (:Gone)")
    before = server.connection
    server.reset()
    assert not server.status().running
    assert server.start() == before
    assert ask(server, "MATCH (n) RETURN count(n)") == [0]


def test_an_interrupted_start_leaves_nothing_running(data: Path, wait_for: Any) -> None:
    server = LocalServer(data / "neo4j", console=QUIET)
    server.stop()
    starting = affinity(data, "start")
    wait_for(lambda: server.status().running)
    starting.terminate()
    starting.communicate(timeout=120)
    assert starting.returncode != 0
    assert not server.status().running


def test_a_start_that_fails_shows_the_log(tmp_path: Path) -> None:
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
def test_a_first_start_waits_for_no_rehearsal_and_later_ones_profit_from_it(
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
