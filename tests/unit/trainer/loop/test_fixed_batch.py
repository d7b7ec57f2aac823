"""Every objective, loss and trunk: the loss falls when one batch is repeated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.conftest import SAMPLES
from tests.unit.trainer.toy_service import ToyService
from trainer.distributed.parallel import ParallelModel
from trainer.distributed.ranks import SINGLE_PROCESS
from trainer.loop.state import TrainState
from trainer.loop.step import train_step
from trainer.objectives.registry import OBJECTIVES, make_objective
from trainer.settings import TrainSettings

SMALL: dict[str, Any] = {"snapshot": "toy", "batch": 8, "image_size": 32, "head": "32,16", "lr": 0.01}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def losses(steps: int, **given: Any) -> list[float]:
    """Return the losses of some steps on the batch at position 0."""
    settings = TrainSettings(**{**SMALL, **given})
    objective = make_objective(settings, ToyService())
    state = TrainState.begin(settings, torch.device("cpu"))
    network, batch = ParallelModel(state.model), objective.load(0, SINGLE_PROCESS)
    return [train_step(objective, state, network, [batch]).loss for _ in range(steps)]


@pytest.mark.parametrize("trunk", [pytest.param("vgg16", marks=pytest.mark.slow), "resnet18"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_loss_of_every_objective_falls(objective: str, trunk: str) -> None:
    images = str(SAMPLES / "heldout") if objective == "supervised" else None
    # A step of VGG-16 takes a second.
    found = losses(10 if trunk == "vgg16" else 20, objective=objective, trunk=trunk, images=images)
    assert all(map(math.isfinite, found))
    assert sum(found[-5:]) < sum(found[:5])


@pytest.mark.parametrize(
    "given",
    [
        {"symmetric": True},
        {"negative_mining": "random", "num_negatives": 4},
        {"negative_mining": "hard", "num_negatives": 2, "queue": 32},
        {"negative_mining": "half", "num_negatives": 4, "symmetric": True},
        {"loss": "infonce"},
        {"loss": "infonce", "symmetric": True, "queue": 32},
        {"loss": "supcon", "queue": 32},
    ],
    ids=lambda given: "-".join(map(str, given.values())),
)
@pytest.mark.parametrize("objective", ["transitive", "multitask"])
def test_every_loss_function_falls(objective: str, given: dict[str, Any]) -> None:
    found = losses(20, objective=objective, trunk="timm:test_resnet", **given)
    assert all(map(math.isfinite, found))
    assert sum(found[-5:]) < sum(found[:5])
