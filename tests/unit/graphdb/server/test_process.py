"""Find and end server processes; Python processes with the same command line stand for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from graphdb.server.java import SERVER, server_arguments, tool_arguments
from graphdb.server.process import ServerProcess

SLEEP = "import time; print(flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


@contextmanager
def python(script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a Python process, wait for its first line, and kill it after the test."""
    with subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


@contextmanager
def fake_server(home: Path, script: str = SLEEP) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process with the command line of the home folder's server."""
    with python(script, SERVER, *server_arguments(home)) as process:
        yield process


def remember(home: Path, pid: int, started: float) -> None:
    (home / "process").write_text(json.dumps({"pid": pid, "started": started}))


def test_no_server_is_found_where_none_ran(tmp_path: Path) -> None:
    assert ServerProcess(tmp_path).find() is None


def test_another_process_with_the_id_of_the_server_is_neither_found_nor_ended(tmp_path: Path) -> None:
    with python(SLEEP) as stranger:
        remember(tmp_path, stranger.pid, psutil.Process(stranger.pid).create_time())
        server = ServerProcess(tmp_path)
        assert server.find() is None
        assert not server.end(timeout=1)
        assert stranger.poll() is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"pid": 4194304, "started": 0}', '{"pid": "x", "started": 0}'])
def test_a_damaged_file_names_no_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "process").write_text(content)
    assert ServerProcess(tmp_path).find() is None


def test_a_server_without_a_file_is_found_and_ended(tmp_path: Path) -> None:
    with fake_server(tmp_path) as running:
        server = ServerProcess(tmp_path)
        found = server.find()
        assert found is not None and found.pid == running.pid
        assert server.end(timeout=10)
        assert server.find() is None


def test_a_server_of_another_folder_is_left_alone(tmp_path: Path) -> None:
    with fake_server(tmp_path / "theirs"):
        assert ServerProcess(tmp_path / "ours").find() is None


def test_a_remembered_server_is_found_and_its_file_is_private(tmp_path: Path) -> None:
    with fake_server(tmp_path) as running:
        server = ServerProcess(tmp_path)
        assert server.remember(running.pid).pid == running.pid
        assert server.find() is not None
        assert (tmp_path / "process").stat().st_mode & 0o777 == 0o600
        assert server.end(timeout=10)
        assert not (tmp_path / "process").exists()


def test_tools_that_still_work_on_the_folder_are_killed(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with python(SLEEP, *tool_arguments(ours)) as abandoned, python(SLEEP, *tool_arguments(theirs)) as other:
        ServerProcess(ours).end_tools()
        abandoned.wait(10)
        assert other.poll() is None


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with fake_server(tmp_path, STUBBORN):
        assert ServerProcess(tmp_path).end(timeout=0.2)
        assert ServerProcess(tmp_path).find() is None
