"""Test the `affinity` command: a fast start, the same options in all commands, and readable errors."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import affinity.cli
from affinity.reference import commands
from ingest.contact_sheets.cli import Kind
from tests.conftest import ROOT

LARGE = {"PIL", "av", "cv2", "faiss", "fastapi", "neo4j", "numpy", "pyarrow", "scipy", "skimage", "torch", "uvicorn"}


def modules_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", ["", "graph", "ingest", "train", "serve", "export", "evaluate knn", "show"])
def test_help_imports_no_large_library(command: str) -> None:
    loaded = modules_after(f"import affinity.cli; affinity.cli.app({[*command.split(), '--help']!r})")
    assert loaded & LARGE == set()
    assert command or loaded & {"graphdb", "ingest", "api", "trainer"} == set()


def test_help_is_fast() -> None:
    """Measured in CPU seconds, because a busy machine changes them less. An idle machine needs half a second."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert run("--help").returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1.5


@pytest.mark.parametrize("words", [(), ("graph",), ("keys",), ("evaluate",)])
def test_without_a_command_the_help_is_printed(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {' '.join(('affinity', *words))} COMMAND")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), 'Unknown command "nothing"'),
        (("ingest",), "PATHS"),
        (("train", "--stepz", "4"), "Did you mean --steps?"),
        (("train", "--loss", "hinge"), "triplet"),
        (("train", "--image-size", "16"), "It must be at least 32."),
        (("show", "videos", "--out", "sheet.png"), "patches"),
        (("graph", "reset", "--no-such"), "--no-such"),
    ],
)
def test_a_usage_error_is_one_line_with_exit_status_2(words: tuple[str, ...], message: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_command_receives_only_the_given_settings() -> None:
    """A setting given with its default value counts as given: an existing run compares it with its own."""
    _, bound, *_ = affinity.cli.app.parse_args(["train", "--steps", "200000", "--no-compile"])
    assert (bound.arguments["training"], bound.arguments["runtime"]) == ({"steps": 200_000}, {"compile": False})


def test_graph_admin_passes_all_further_arguments_on() -> None:
    words = ["graph", "admin", "--data", "here", "database", "dump", "neo4j", "--to-path=/backup", "--help"]
    _, bound, *_ = affinity.cli.app.parse_args(words)
    assert bound.args == ("database", "dump", "neo4j", "--to-path=/backup", "--help")
    assert bound.kwargs == {"data": Path("here")}


def test_the_api_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFINITY_API_KEY", "secret")
    _, bound, *_ = affinity.cli.app.parse_args(["train"])
    assert bound.arguments["api_key"] == "secret"


def test_a_closed_pipe_ends_the_command_quietly() -> None:
    done = subprocess.run(
        f"{sys.executable} -m affinity train --help | true", shell=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr == ""


def test_the_client_imports_no_service_driver_image_library_or_torch() -> None:
    loaded = modules_after("import api.client")
    assert loaded & {"fastapi", "neo4j", "cv2", "torch", "graphdb", "ingest", "trainer", "uvicorn"} == set()


def test_every_command_takes_a_data_folder() -> None:
    found = commands()
    assert {"graph start", "graph stop", "graph status", "graph reset", "graph quality", "ingest", "cluster"} <= set(
        found
    )
    assert get_args(Kind) == ("patches", "tracks", "children", "parents")
    assert {"show", "serve", "train", "evaluate knn", "evaluate distances", "doctor", "demo"} <= set(found)
    # An export reads from a service and writes to the folder in its argument.
    assert [name for name, options in found.items() if "--data" not in options] == ["export"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "affinity", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_an_error_of_the_project_is_printed_as_one_sentence(tmp_path: Path) -> None:
    done = run("ingest", str(tmp_path / "nothing"), "--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("affinity: Nothing is at")


def test_a_data_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("graph", "start", "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


RESUME_MESSAGE = "interrupted. What is done is kept; the same command goes on from there."


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("ingest videos", RESUME_MESSAGE),
        ("cluster", RESUME_MESSAGE),
        ("train --run", RESUME_MESSAGE),
        ("demo", RESUME_MESSAGE),
        ("graph start", RESUME_MESSAGE),
        ("graph stop", "interrupted."),
        ("graph admin", "interrupted."),
        ("evaluate knn", "interrupted."),
        ("show patches", "interrupted."),
        ("serve --port", "stopped."),
    ],
)
def test_only_resumable_commands_promise_to_resume(command: str, message: str) -> None:
    assert affinity.cli.farewell(command) == message


@pytest.mark.parametrize(("signal", "status"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_error_during_cleanup_does_not_hide_the_signal(signal: BaseException, status: int) -> None:
    """The driver raises such an error when a signal arrives during a query."""
    try:
        try:
            try:
                raise signal
            finally:
                raise OSError("closing went wrong")
        except OSError as error:
            raise RuntimeError("a transaction failed") from error
    except RuntimeError as error:
        assert affinity.cli.interrupted(error) == status
    assert affinity.cli.interrupted(RuntimeError()) is None


def test_a_signal_during_a_finalizer_is_raised_again() -> None:
    code = """
import os, signal, time, affinity.cli
signal.signal(signal.SIGTERM, affinity.cli.interrupt)

class Closed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)

thing = Closed()
del thing
time.sleep(30)
print("went on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "went on" not in done.stdout and "interrupted" in done.stderr
