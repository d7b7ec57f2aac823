"""A training of many steps takes no more memory than one of a few."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from api.wire import TripletBatch
from tests.unit.toy_service import ToyService
from trainer.metrics import Metrics
from trainer.progress import Silence
from trainer.run import Run
from trainer.settings import Machine, TrainSettings
from trainer.train import train

pytestmark = pytest.mark.usefixtures("settled_torch")

STEPS = 700
SETTLED = 300
"""Steps after which all that is kept is there."""
TINY: dict[str, Any] = {"snapshot": "toy", "trunk": "timm:test_resnet", "batch": 4, "image_size": 32, "head": "16,8"}


class Again(ToyService):
    """Gives the pairs of a few positions over and over: what is drawn for the test itself takes no more memory."""

    def triplets(self, *args: Any, **query: Any) -> TripletBatch:
        return super().triplets(*args, **{**query, "position": query["position"] % 256})


class Weighed(Silence):
    """Keeps how much memory the process had after each step, in bytes."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.memory: list[int] = []

    def show(self, metrics: Metrics) -> None:
        self.memory.append(psutil.Process().memory_info().rss)


def growth(folder: Path, steps: int) -> int:
    """Bytes by which a training of so many steps grows after it has settled."""
    settings = TrainSettings(**TINY, steps=steps, mining="half", num_negatives=2, queue=256)
    machine = Machine(device="cpu", threads=1, loaders=2, checkpoint_every=100)
    progress = Weighed(steps)
    with Run(folder) as run:
        run.write(settings, ToyService().description, machine)
        train(run, settings, machine, Again(), progress, threading.Event())
    return max(progress.memory[-50:]) - max(progress.memory[SETTLED - 50 : SETTLED])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    assert growth(tmp_path / "run", STEPS) < 16 * 2**20
