"""Learning rates, and one step of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import AdamW

from tests.unit.trainer.toy_service import ToyService
from trainer.data.batch import Batch
from trainer.distributed.parallel import ParallelModel
from trainer.distributed.ranks import SINGLE_PROCESS
from trainer.errors import LossNotFinite
from trainer.loop.optimizer import build_optimizer, learning_rate
from trainer.loop.state import TrainState
from trainer.loop.step import train_step
from trainer.models.siamese import Model
from trainer.objectives.ranking import Ranking
from trainer.settings import TrainSettings

CPU = torch.device("cpu")
SETTINGS = TrainSettings(snapshot="toy", batch=4, image_size=32, head="32,16", lr=0.1, steps=100, momentum=0.0)


def rates(steps: list[int], **given: Any) -> list[float]:
    settings = replace(SETTINGS, **given)
    return [learning_rate(settings, step) for step in steps]


def test_the_default_learning_rate_drops_to_a_tenth_every_100_000_steps() -> None:
    assert rates([0, 99_999, 100_000, 200_000]) == pytest.approx([0.1, 0.1, 0.01, 0.001])
    assert rates([0, 9, 10], lr_drop=10) == pytest.approx([0.1, 0.1, 0.01])


def test_a_constant_learning_rate_stays() -> None:
    assert rates([0, 500_000], schedule="constant") == [0.1, 0.1]


def test_the_cosine_schedule_ends_at_zero() -> None:
    assert rates([0, 50, 100], schedule="cosine") == pytest.approx([0.1, 0.05, 0.0])


def test_warmup_grows_linearly_before_the_schedule_begins() -> None:
    assert rates([0, 1, 3, 4], warmup=4) == pytest.approx([0.025, 0.05, 0.1, 0.1])
    assert rates([20, 60, 100], warmup=20, schedule="cosine") == pytest.approx([0.1, 0.05, 0.0])


def test_adamw_decays_the_same_weights_as_sgd() -> None:
    optimizer = build_optimizer(Ranking.build(SETTINGS), replace(SETTINGS, optimizer="adamw"))
    assert isinstance(optimizer, AdamW)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [5e-4, 0]


def step(settings: TrainSettings, positions: list[int]) -> tuple[TrainState, float]:
    """Return the state after one step on these positions, and the length of its gradient."""
    state = TrainState.begin(settings, CPU)
    objective = Ranking(settings, ToyService())
    done = train_step(
        objective,
        state,
        ParallelModel(state.model),
        [objective.load(position, SINGLE_PROCESS) for position in positions],
    )
    return state, done.grad_norm


def moved(state: TrainState) -> Tensor:
    """The difference of every weight from its first value."""
    pairs = zip(state.model.parameters(), TrainState.begin(state.settings, CPU).model.parameters(), strict=True)
    return torch.cat([(now - then).detach().flatten() for now, then in pairs])


def test_a_step_of_two_batches_uses_the_mean_gradient() -> None:
    one, other, both = (moved(step(SETTINGS, positions)[0]) for positions in ([0], [4], [0, 4]))
    torch.testing.assert_close(both, (one + other) / 2, rtol=1e-3, atol=1e-6)


def test_a_step_counts_the_pairs_of_all_its_batches() -> None:
    state, _ = step(SETTINGS, [0, 4])
    assert (state.step, state.position) == (1, 8)


def test_clipping_shortens_long_gradients_only() -> None:
    plain = replace(SETTINGS, weight_decay=0.0)
    state, norm = step(plain, [0])
    assert moved(state).norm().item() == pytest.approx(0.1 * norm, rel=1e-2)
    for clip, expected in ((norm / 2, norm / 2), (norm * 2, norm)):
        state, before = step(replace(plain, max_grad_norm=clip), [0])
        assert before == pytest.approx(norm)
        assert moved(state).norm().item() == pytest.approx(0.1 * expected, rel=1e-2)


class Steep(Ranking):
    """An objective whose loss is finite, and whose gradient is not."""

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        return (outputs[0] * 0).sum().sqrt(), {}


def test_a_gradient_that_is_not_finite_does_not_change_the_weights(tmp_path: Path) -> None:
    state, objective = TrainState.begin(SETTINGS, CPU), Steep(SETTINGS, ToyService())
    with pytest.raises(LossNotFinite, match="The gradient of step 1"):
        train_step(objective, state, ParallelModel(state.model), [objective.load(0, SINGLE_PROCESS)])
    assert not moved(state).any()
