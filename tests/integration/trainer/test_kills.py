"""A training whose trainer, service and Neo4j are killed uses exactly the pairs of one without kills, and ends with the
same weights.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from foundation.data_folder import DataFolder
from tests.conftest import SETTINGS, free_port, wait_until_ready
from tests.integration.killing import Kill, Supervisor
from trainer.runs import checkpoint
from trainer.runs.metrics import Metrics, read_metrics

ONE_OF_EACH = [Kill(0.15, "train", 0.1), Kill(0.4, "serve", 0.1), Kill(0.65, "neo4j", 0.1)]
TRAIN = (
    *("train", "--batch", "8", "--image-size", "32", "--head", "32,16", "--augment", "mirror,color"),
    *("--mix", "intra:1", "--threads", "1", "--checkpoint-every", "5"),
)


class Runs:
    """Supervised training runs on one graph."""

    def __init__(self, folder: Path, steps: int) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        self.supervisor = Supervisor(folder / "data", kept | {"OMP_NUM_THREADS": "1"}, folder / "log")
        self.folder = DataFolder.resolve(folder / "data")
        self.steps = steps
        self.port = str(free_port())

    def prepare(self, clips: Sequence[Path]) -> None:
        """Make a graph of the clips, and start the service."""
        assert self.supervisor.run("ingest", *map(str, clips), "--parents", "2", "--min-parent-size", "8") == 0
        self.supervisor.start("serve", "serve", "--port", self.port)
        wait_until_ready(f"http://127.0.0.1:{self.port}", self.supervisor._running["serve"])

    def train(self, run: str, kills: Sequence[Kill] = ()) -> float:
        """Train a run to its end with these kills on the way, and return the seconds that it took."""
        begun = time.perf_counter()
        options = ("--run", run, "--steps", str(self.steps), "--url", f"http://127.0.0.1:{self.port}")
        self.supervisor.start("train", *TRAIN, *options)
        self.supervisor.execute(list(kills), lambda: len(self.metrics(run)) / self.steps)
        self.supervisor.finish("train")
        return time.perf_counter() - begun

    def metrics(self, run: str) -> list[Metrics]:
        return read_metrics(self.folder.runs / run / "metrics.jsonl")

    def trained_on(self, run: str) -> list[tuple[int, int, float]]:
        """List step, position and loss of the steps that led to the weights."""
        return [(line.step, line.position, line.loss) for line in self.metrics(run)]

    def weights(self, run: str) -> dict[str, torch.Tensor]:
        content, damaged = checkpoint.load_latest(self.folder.runs / run)
        assert content is not None and not damaged and content["step"] == self.steps
        weights: dict[str, torch.Tensor] = content["model"]
        return weights

    def assert_equal(self, one: str, other: str) -> None:
        assert self.trained_on(one) == self.trained_on(other)
        assert [position for _, position, _ in self.trained_on(one)] == [8 * step for step in range(1, self.steps + 1)]
        mine, its = self.weights(one), self.weights(other)
        assert mine.keys() == its.keys()
        assert [name for name in mine if not torch.equal(mine[name], its[name])] == []


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path, steps=30)
    yield runs
    runs.supervisor.close()


@pytest.mark.slow
def test_one_kill_of_each_process_does_not_change_the_training(runs: Runs, clips: list[Path]) -> None:
    runs.prepare(clips[:8])
    runs.train("alone")
    runs.train("killed", ONE_OF_EACH)
    assert runs.supervisor.kills == ["train", "serve", "neo4j"]
    runs.assert_equal("killed", "alone")
