"""Kill processes at random moments: graph and weights stay the same, and no process is left over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from foundation.data_folder import DataFolder
from graphdb.server.local import LocalServer
from graphdb.store.graph import GraphStore
from graphdb.store.ownership import claim
from tests.conftest import SETTINGS, Graph, free_port
from tests.integration.fingerprint import fingerprint
from tests.integration.killing import Kill, Supervisor, plan, rows_written
from trainer.runs import checkpoint
from trainer.runs.metrics import Metrics, read_metrics

SEED = 53
INGEST_KILLS, TRAIN_KILLS = 9, 11
STEPS = 60
BATCH = 8
CLIPS = 40
RUN = "killed"
LINKED = ("--parents", "2", "--min-parent-size", "8", "--hold-out", "0.25")
SMALL = ("--batch", str(BATCH), "--image-size", "32", "--head", "32,16", "--augment", "mirror,color", "--threads", "1")
TRAIN = ("train", "--run", RUN, *SMALL, "--steps", str(STEPS), "--checkpoint-every", "5")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    supervisor = Supervisor(tmp_path / "disturbed", kept | {"OMP_NUM_THREADS": "1"}, tmp_path / "log")
    yield supervisor
    supervisor.close()


def open_supervised_graph(supervisor: Supervisor) -> Graph:
    """Open the graph of the supervised commands."""
    folder = DataFolder.resolve(supervisor.data)
    server = LocalServer(folder.neo4j).start()
    store = GraphStore(server.uri, server.user, server.password, timeout=5)
    store.ensure_schema()
    claim(store, folder)
    return Graph(folder, server, store)


def weights(runs: Path) -> dict[str, torch.Tensor]:
    content, damaged = checkpoint.load_latest(runs / RUN)
    assert content is not None and not damaged and content["step"] == STEPS
    return content["model"]


def training_steps(runs: Path) -> list[tuple[int, int, float]]:
    """Return step, position and loss of each step that led to the weights."""
    return [(line.step, line.position, line.loss) for line in metrics(runs)]


def metrics(runs: Path) -> list[Metrics]:
    return read_metrics(runs / RUN / "metrics.jsonl")


@pytest.mark.slow
def test_twenty_kills_leave_graph_and_weights_unchanged(
    graph: Graph, supervisor: Supervisor, clips: list[Path]
) -> None:
    ingest = ("ingest", *map(str, clips[:CLIPS]), *LINKED)
    undisturbed = graph.json(*ingest)
    total_rows = rows_written(graph.store)
    with graph.service(free_port()) as url:
        graph.run(*TRAIN, "--url", url, "--snapshot", undisturbed["training"]["id"])

    with_kills = open_supervised_graph(supervisor)
    supervisor.start("ingest", *ingest)
    supervisor.execute(ingest_kills(), lambda: rows_written(with_kills.store) / total_rows)
    supervisor.finish("ingest")

    port = str(free_port())
    supervisor.start("serve", "serve", "--port", port)
    supervisor.start("train", *TRAIN, "--url", f"http://127.0.0.1:{port}", "--snapshot", undisturbed["training"]["id"])
    runs = with_kills.folder.runs
    supervisor.execute(plan(SEED, TRAIN_KILLS, ("train", "serve", "neo4j")), lambda: len(metrics(runs)) / STEPS)
    supervisor.finish("train")

    assert len(supervisor.kills) == INGEST_KILLS + TRAIN_KILLS == 20
    assert min(Counter(supervisor.kills).values()) >= 3, supervisor.kills
    assert set(supervisor.kills) == {"ingest", "worker", "serve", "train", "neo4j"}
    nodes, relationships = fingerprint(with_kills)
    assert nodes == fingerprint(graph)[0]
    assert relationships == fingerprint(graph)[1]
    with_kills_weights, expected = weights(runs), weights(graph.folder.runs)
    assert [name for name in expected if not torch.equal(with_kills_weights[name], expected[name])] == []
    assert training_steps(runs) == training_steps(graph.folder.runs)
    assert [position for _, position, _ in training_steps(runs)] == [BATCH * step for step in range(1, STEPS + 1)]
    with_kills.close()
    # Data that the kills left behind only takes disk space; the repair removes it.
    assert supervisor.run("graph", "check", "--repair") == 0
    assert supervisor.run("graph", "check") == 0
    supervisor.close()
    assert supervisor.remaining_processes() == []


def ingest_kills() -> list[Kill]:
    return plan(SEED, INGEST_KILLS, ("ingest", "worker", "neo4j"))
