"""Ctrl-C and SIGTERM at every stage: the command ends soon, says how to go on if it can, leaves no process."""

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

GUARD = 15
"""Seconds that a noisy machine gets. docs/reference/service.md promises five; the report of a run has each figure."""
GO_ON = "What is done is kept; the same command goes on from there."
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
both = pytest.mark.parametrize("number", list(CODES), ids=lambda number: number.name)

Record = Callable[[str, object], None]


def interrupt(process: subprocess.Popen[str], number: signal.Signals, record: Record, status: int | None = None) -> str:
    """What the command says as it ends, with the status that a shell gives to its signal or with another."""
    family = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=GUARD)
    record("seconds", round(time.monotonic() - began, 2))
    assert process.returncode == (CODES[number] if status is None else status), said
    assert "Traceback" not in said
    assert psutil.wait_procs(family, timeout=GUARD)[1] == []
    return said


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


@both
def test_ingest(
    number: signal.Signals, graph: Graph, clips: list[Path], wait_for: Wait, record_property: Record
) -> None:
    """The same command, interrupted as it reaches each stage, goes on each time."""
    chosen = ("ingest", *map(str, clips[:16]), "--parents", "2", "--min-parent-size", "4", "--hold-out", "0.3")
    for reached in STAGES.values():
        process = graph.start(*chosen)
        wait_for(partial(has_loaded, process, "numpy"))
        wait_for(lambda reached=reached, process=process: reached(graph) or process.poll() is not None)  # type: ignore[misc]
        assert GO_ON in interrupt(process, number, record_property)
    graph.run(*chosen)
    assert graph.store.snapshots()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose Neo4j is not running."""
    yield tmp_path / "own"
    LocalServer(tmp_path / "own" / "neo4j").stop()


@both
def test_ingest_while_neo4j_starts(
    number: signal.Signals, own: Path, clips: list[Path], wait_for: Wait, record_property: Record
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J")}
    arguments = command(("ingest", str(clips[0]), "--data", str(own)))
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Starting Neo4j" not in (line := process.stderr.readline()):
        assert line, "it ended before it started Neo4j"
    wait_for(lambda: LocalServer(own / "neo4j").status().running)
    assert GO_ON in interrupt(process, number, record_property)
    assert LocalServer(own / "neo4j").status().running is False


@both
def test_serve(number: signal.Signals, world: Graph, record_property: Record) -> None:
    port = free_port()
    process = world.start("serve", "--port", str(port))
    wait_until_ready(f"http://127.0.0.1:{port}", process)
    assert "affinity: stopped.\n" in interrupt(process, number, record_property, status=0)


@both
def test_train_while_it_waits_for_a_service(
    number: signal.Signals, world: Graph, tmp_path: Path, record_property: Record
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    process = world.start("train", "--run", "early", "--url", url, "--data", str(tmp_path))
    assert process.stderr is not None
    assert "Waiting" in process.stderr.readline()
    assert GO_ON in interrupt(process, number, record_property)


@both
def test_train_between_steps(
    number: signal.Signals, world: Graph, service: str, tmp_path: Path, wait_for: Wait, record_property: Record
) -> None:
    process = world.start("train", "--run", "mid", "--url", service, "--data", str(tmp_path), "--batch", "16")
    wait_for(lambda: len(read_metrics(tmp_path / "runs" / "mid" / "metrics.jsonl")) > 0)
    assert "affinity train --run mid" in interrupt(process, number, record_property)
    content, _ = checkpoint.load_latest(tmp_path / "runs" / "mid")
    steps = len(read_metrics(tmp_path / "runs" / "mid" / "metrics.jsonl"))
    assert content is not None and content["step"] == steps >= 1
    assert content["position"] == 16 * steps


@both
def test_evaluate(number: signal.Signals, world: Graph, wait_for: Wait, record_property: Record) -> None:
    process = world.start("evaluate", "knn", str(SAMPLES / "heldout"))
    wait_for(partial(has_loaded, process, "libtorch"))
    assert "affinity: interrupted.\n" in interrupt(process, number, record_property)
