"""Kills at random moments of one training: its pairs, its weights, and the additional time.

`AFFINITY_BENCH_KILLS` sets the number of kills (20 by default), `AFFINITY_BENCH_SEED` their moments:
`make bench-kills KILLS=20 SEED=1`.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from foundation.data_folder import DataFolder
from tests.conftest import SETTINGS, free_port, wait_until_ready
from tests.integration.killing import Kill, Supervisor, plan
from trainer.runs import checkpoint
from trainer.runs.metrics import Metrics, read_metrics

KILLS = int(os.environ.get("AFFINITY_BENCH_KILLS") or 20)
SEED = int(os.environ.get("AFFINITY_BENCH_SEED") or 1)
STEPS = 300
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
    runs = Runs(tmp_path, STEPS)
    yield runs
    runs.supervisor.close()


def test_kills_at_random_moments(runs: Runs, clips: list[Path]) -> None:
    runs.prepare(clips[:20])
    alone = runs.train("alone")
    killed = runs.train("killed", plan(SEED, KILLS, ("train", "serve", "neo4j")))
    kills = runs.supervisor.kills
    print(
        f"\n{len(kills)} kills in a run of {STEPS} steps ({dict(Counter(kills))}, seed {SEED}): "
        f"{killed:.0f} s, {alone:.0f} s without"
    )
    assert len(kills) == KILLS
    runs.assert_equal("killed", "alone")
    print("Every step used the pairs of the run without kills and had the same loss; the weights are equal.")
