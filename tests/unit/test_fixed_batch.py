"""Every objective, loss and trunk: on one batch that comes again and again, the loss falls."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.conftest import SAMPLES
from tests.unit.toy_service import ToyService
from trainer.network import Network
from trainer.objectives import KINDS
from trainer.ranks import WHOLE
from trainer.settings import TrainSettings
from trainer.state import TrainState
from trainer.step import do_step

SMALL: dict[str, Any] = {"snapshot": "toy", "batch": 8, "image_size": 32, "head": "32,16", "lr": 0.01}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def losses(steps: int, **given: Any) -> list[float]:
    """Of some steps on the batch at the first position."""
    settings = TrainSettings(**{**SMALL, **given})
    objective = KINDS[settings.objective].load()(settings, ToyService())
    state = TrainState.begin(settings, torch.device("cpu"))
    network, batch = Network(state.model), objective.load(0, WHOLE)
    return [do_step(objective, state, network, [batch]).loss for _ in range(steps)]


@pytest.mark.parametrize("trunk", [pytest.param("vgg16", marks=pytest.mark.slow), "resnet18"])
@pytest.mark.parametrize("objective", KINDS)
def test_twenty_steps_of_every_objective_are_finite_and_fall(objective: str, trunk: str) -> None:
    images = str(SAMPLES / "heldout") if objective == "supervised" else None
    found = losses(20, objective=objective, trunk=trunk, images=images)
    assert all(map(math.isfinite, found))
    assert sum(found[-5:]) < sum(found[:5])


@pytest.mark.parametrize(
    "given",
    [
        {"sides": "both"},
        {"mining": "random", "num_negatives": 4},
        {"mining": "hard", "num_negatives": 2, "queue": 32},
        {"mining": "half", "num_negatives": 4, "sides": "both"},
        {"loss": "infonce"},
        {"loss": "infonce", "sides": "both", "queue": 32},
        {"loss": "supcon", "queue": 32},
    ],
    ids=lambda given: "-".join(map(str, given.values())),
)
@pytest.mark.parametrize("objective", ["transitive", "multitask"])
def test_every_loss_falls(objective: str, given: dict[str, Any]) -> None:
    found = losses(20, objective=objective, trunk="timm:test_resnet", **given)
    assert all(map(math.isfinite, found))
    assert sum(found[-5:]) < sum(found[:5])
