"""The memory of a training does not grow with its steps."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from api.wire.triplets import TripletBatch
from tests.unit.trainer.toy_service import ToyService
from trainer.loop.train import train
from trainer.runs.metrics import Metrics
from trainer.runs.progress import NullProgress
from trainer.runs.run import Run
from trainer.settings import RuntimeSettings, TrainSettings

pytestmark = pytest.mark.usefixtures("settled_torch")

STEPS = 700
SETTLED = 300
"""Steps after which the memory is expected to stay."""
TINY: dict[str, Any] = {"snapshot": "toy", "trunk": "timm:test_resnet", "batch": 4, "image_size": 32, "head": "16,8"}


class RepeatingService(ToyService):
    """A service that repeats the pairs of a few positions, so that its own cache of images does not grow."""

    def triplets(self, *args: Any, **query: Any) -> TripletBatch:
        return super().triplets(*args, **{**query, "position": query["position"] % 256})


class MemoryProgress(NullProgress):
    """Record the memory of the process after each step, in bytes."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.memory: list[int] = []

    def show(self, metrics: Metrics) -> None:
        self.memory.append(psutil.Process().memory_info().rss)


def growth(folder: Path, steps: int) -> int:
    """Return the bytes by which a training grows after step SETTLED."""
    settings = TrainSettings(**TINY, steps=steps, negative_mining="half", num_negatives=2, queue=256)
    runtime = RuntimeSettings(device="cpu", threads=1, loader_threads=2, checkpoint_every=100)
    progress = MemoryProgress(steps)
    with Run(folder) as run:
        run.write(settings, ToyService().description, runtime)
        train(run, settings, runtime, RepeatingService(), progress, threading.Event())
    return max(progress.memory[-50:]) - max(progress.memory[SETTLED - 50 : SETTLED])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    assert growth(tmp_path / "run", STEPS) < 16 * 2**20
