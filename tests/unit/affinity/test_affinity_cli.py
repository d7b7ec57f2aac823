"""The `affinity` command: light to start, the same options everywhere, errors as sentences."""

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

HEAVY = {"PIL", "av", "cv2", "faiss", "fastapi", "neo4j", "numpy", "pyarrow", "scipy", "skimage", "torch", "uvicorn"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", ["", "graph", "ingest", "train", "serve", "export", "evaluate knn", "show"])
def test_help_imports_nothing_heavy(command: str) -> None:
    loaded = modules_after(f"import affinity.cli; affinity.cli.app({[*command.split(), '--help']!r})")
    assert loaded & HEAVY == set()
    assert command or loaded & {"graphdb", "ingest", "api", "trainer"} == set()


def test_help_is_fast() -> None:
    """In seconds of CPU, so that a busy machine does not fail it; on a quiet one it is half a second."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert run("--help").returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1.5


@pytest.mark.parametrize("words", [(), ("graph",), ("keys",), ("evaluate",)])
def test_without_a_command_the_help_is_printed(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {' '.join(('affinity', *words))} COMMAND")


@pytest.mark.parametrize(
    ("words", "said"),
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
def test_a_usage_error_is_a_line_and_exit_status_2(words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_command_gets_only_the_settings_that_were_given() -> None:
    """A setting that is given with its default is given too: a run that exists compares it with its own."""
    _, bound, *_ = affinity.cli.app.parse_args(["train", "--steps", "200000", "--no-compile"])
    assert (bound.arguments["training"], bound.arguments["runtime"]) == ({"steps": 200_000}, {"compile": False})


def test_everything_after_graph_admin_is_passed_on() -> None:
    words = ["graph", "admin", "--data", "here", "database", "dump", "neo4j", "--to-path=/backup", "--help"]
    _, bound, *_ = affinity.cli.app.parse_args(words)
    assert bound.args == ("database", "dump", "neo4j", "--to-path=/backup", "--help")
    assert bound.kwargs == {"data": Path("here")}


def test_the_key_of_the_service_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFINITY_API_KEY", "secret")
    _, bound, *_ = affinity.cli.app.parse_args(["train"])
    assert bound.arguments["api_key"] == "secret"


def test_a_closed_pipe_ends_the_command_quietly() -> None:
    done = subprocess.run(
        f"{sys.executable} -m affinity train --help | true", shell=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr == ""


def test_the_client_needs_neither_service_nor_driver_nor_images_nor_torch() -> None:
    loaded = modules_after("import api.client")
    assert loaded & {"fastapi", "neo4j", "cv2", "torch", "graphdb", "ingest", "trainer", "uvicorn"} == set()


def test_every_command_takes_a_data_folder() -> None:
    found = commands()
    assert {"graph start", "graph stop", "graph status", "graph reset", "graph quality", "ingest", "cluster"} <= set(
        found
    )
    assert get_args(Kind) == ("patches", "tracks", "children", "parents")
    assert {"show", "serve", "train", "evaluate knn", "evaluate distances", "doctor", "demo"} <= set(found)
    # An export pulls from a service, and writes where it is told.
    assert [name for name, options in found.items() if "--data" not in options] == ["export"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "affinity", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_an_error_of_ours_is_a_sentence(tmp_path: Path) -> None:
    done = run("ingest", str(tmp_path / "nothing"), "--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("affinity: Nothing is at")


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("graph", "start", "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


GO_ON = "interrupted. What is done is kept; the same command goes on from there."


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ingest videos", GO_ON),
        ("cluster", GO_ON),
        ("train --run", GO_ON),
        ("demo", GO_ON),
        ("graph start", GO_ON),
        ("graph stop", "interrupted."),
        ("graph admin", "interrupted."),
        ("evaluate knn", "interrupted."),
        ("show patches", "interrupted."),
        ("serve --port", "stopped."),
    ],
)
def test_only_a_command_that_resumes_says_that_it_does(command: str, said: str) -> None:
    assert affinity.cli.farewell(command) == said


@pytest.mark.parametrize(("signal", "status"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_error_on_the_way_out_does_not_hide_the_signal(signal: BaseException, status: int) -> None:
    """As the driver raises its own where a signal meets it in the middle of a query."""
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


def test_a_signal_that_meets_a_finalizer_comes_again() -> None:
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
