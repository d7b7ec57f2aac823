"""Interrupt commands at each stage: they end soon, say how to resume if they can, and leave no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from graphdb.server.local import LocalServer
from tests.conftest import SAMPLES, Graph, Wait, command, free_port, wait_until_ready
from trainer.runs import checkpoint
from trainer.runs.metrics import read_metrics

MAX_SECONDS = 15
"""Time limit on a busy machine. docs/reference/service.md promises five seconds; each test records its time."""
RESUME_MESSAGE = "What is done is kept; the same command goes on from there."
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
each_signal = pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=lambda number: number.name
)

Record = Callable[[str, object], None]


def interrupt(process: subprocess.Popen[str], number: signal.Signals, record: Record, status: int | None = None) -> str:
    """Interrupt a command; return its standard error.

    It must end with `status`, or with the status that a shell gives to the signal.
    """
    children = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=MAX_SECONDS)
    record("seconds", round(time.monotonic() - started, 2))
    assert process.returncode == (CODES[number] if status is None else status), stderr
    assert "Traceback" not in stderr
    assert psutil.wait_procs(children, timeout=MAX_SECONDS)[1] == []
    return stderr


STAGES: dict[str, Callable[[Graph], bool]] = {
    "files": lambda graph: True,
    "mining": lambda graph: graph.store.counts()["videos"] > 0,
    "features": lambda graph: any(graph.folder.features.rglob("*.npy")),
    "parents": lambda graph: graph.store.counts()["parents"] > 0,
    "children": lambda graph: graph.inter_segments() > 0,
}


def has_loaded(process: subprocess.Popen[str], library: str) -> bool:
    """Whether the process has loaded a library that its command needs, and `affinity --help` does not."""
    return library in Path(f"/proc/{process.pid}/maps").read_text()


@each_signal
def test_ingest_at_each_stage(
    number: signal.Signals, graph: Graph, clips: list[Path], wait_for: Wait, record_property: Record
) -> None:
    """The same command resumes each time. It is interrupted when it reaches each of the stages."""
    chosen = ("ingest", *map(str, clips[:16]), "--parents", "2", "--min-parent-size", "4", "--hold-out", "0.3")
    for reached in STAGES.values():
        process = graph.start(*chosen)
        wait_for(partial(has_loaded, process, "numpy"))
        wait_for(lambda reached=reached, process=process: reached(graph) or process.poll() is not None)  # type: ignore[misc]
        assert RESUME_MESSAGE in interrupt(process, number, record_property)
    graph.run(*chosen)
    assert graph.store.snapshots()


@pytest.fixture
def stopped_data(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose Neo4j is not running."""
    yield tmp_path / "own"
    LocalServer(tmp_path / "own" / "neo4j").stop()


@each_signal
def test_ingest_while_neo4j_starts(
    number: signal.Signals, stopped_data: Path, clips: list[Path], wait_for: Wait, record_property: Record
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J")}
    arguments = command(("ingest", str(clips[0]), "--data", str(stopped_data)))
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Starting Neo4j" not in (line := process.stderr.readline()):
        assert line, "the command ended before it started Neo4j"
    wait_for(lambda: LocalServer(stopped_data / "neo4j").status().running)
    assert RESUME_MESSAGE in interrupt(process, number, record_property)
    assert LocalServer(stopped_data / "neo4j").status().running is False


@pytest.mark.parametrize("number", list(CODES), ids=lambda number: number.name)
def test_serve(number: signal.Signals, world: Graph, record_property: Record) -> None:
    port = free_port()
    process = world.start("serve", "--port", str(port))
    wait_until_ready(f"http://127.0.0.1:{port}", process)
    assert "affinity: stopped.\n" in interrupt(process, number, record_property, status=0)


@each_signal
def test_train_while_it_waits_for_a_service(
    number: signal.Signals, world: Graph, tmp_path: Path, record_property: Record
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    process = world.start("train", "--run", "early", "--url", url, "--data", str(tmp_path))
    assert process.stderr is not None
    assert "Waiting" in process.stderr.readline()
    assert RESUME_MESSAGE in interrupt(process, number, record_property)


@each_signal
def test_train_between_steps(
    number: signal.Signals, world: Graph, service: str, tmp_path: Path, wait_for: Wait, record_property: Record
) -> None:
    # A step is finished before the command ends: the network is small, so that a step takes little time.
    small = ("--batch", "16", "--trunk", "timm:test_resnet", "--image-size", "32", "--head", "32,16")
    process = world.start("train", "--run", "mid", "--url", service, "--data", str(tmp_path), *small)
    wait_for(lambda: len(read_metrics(tmp_path / "runs" / "mid" / "metrics.jsonl")) > 0)
    assert "affinity train --run mid" in interrupt(process, number, record_property)
    content, _ = checkpoint.load_latest(tmp_path / "runs" / "mid")
    steps = len(read_metrics(tmp_path / "runs" / "mid" / "metrics.jsonl"))
    assert content is not None and content["step"] == steps >= 1
    assert content["position"] == 16 * steps


@each_signal
def test_evaluate(number: signal.Signals, world: Graph, wait_for: Wait, record_property: Record) -> None:
    process = world.start("evaluate", "knn", str(SAMPLES / "heldout"))
    wait_for(partial(has_loaded, process, "libtorch"))
    assert "affinity: interrupted.\n" in interrupt(process, number, record_property)
