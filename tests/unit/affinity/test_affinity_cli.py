"""The `affinity` command: light to start, the same options everywhere, errors as sentences."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import affinity.cli
from tests.conftest import ROOT

HEAVY = {"PIL", "av", "cv2", "faiss", "fastapi", "neo4j", "numpy", "pyarrow", "scipy", "skimage", "torch", "uvicorn"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    assert modules_after("import affinity") & HEAVY == set()


def test_the_client_needs_neither_service_nor_driver_nor_images_nor_torch() -> None:
    loaded = modules_after("import api.client")
    assert loaded & {"fastapi", "neo4j", "cv2", "torch", "graphdb", "ingest", "trainer", "uvicorn"} == set()


def commands(app: typer.Typer, path: str = "") -> dict[str, list[str]]:
    """Every command and the options that it takes."""
    group = typer.main.get_command(app)
    found: dict[str, list[str]] = {}

    def walk(command: object, name: str) -> None:
        for child, of in getattr(command, "commands", {}).items():
            walk(of, f"{name} {child}".strip())
        if not hasattr(command, "commands"):
            found[name] = [option for parameter in command.params for option in parameter.opts]  # type: ignore[attr-defined]

    walk(group, path)
    return found


def test_every_command_takes_a_data_folder() -> None:
    found = commands(affinity.cli.app)
    assert {"graph start", "graph stop", "graph status", "graph reset", "graph quality", "ingest", "cluster"} <= set(
        found
    )
    assert {f"show {kind}" for kind in ("patches", "tracks", "children", "parents")} <= set(found)
    assert {"serve", "train", "evaluate knn", "evaluate distances", "doctor", "demo"} <= set(found)
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
import os, signal, time, affinity
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
