"""One step: forward, loss, backward, and the update of the weights unless a value is not finite."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from trainer.data.batch import Batch
from trainer.distributed.parallel import ParallelModel
from trainer.errors import LossNotFinite
from trainer.loop.optimizer import learning_rate, set_learning_rate
from trainer.loop.state import TrainState
from trainer.objectives.base import Measures, Objective


@dataclass(frozen=True)
class StepResult:
    """What one step did."""

    loss: float
    """Mean over its batches."""
    lr: float
    grad_norm: float
    """Length of the gradient before it was clipped."""
    measures: Mapping[str, float]
    """Mean of each measure over its batches."""
    pairs: Mapping[str, int]
    images: int


StepHook = Callable[[int, Batch, tuple[Tensor, ...], Measures], None]
"""Called with the number of a step, its last batch, the outputs and the measures, before the weights change."""


def train_step(
    objective: Objective,
    state: TrainState,
    model: ParallelModel,
    batches: Sequence[Batch],
    step_hook: StepHook | None = None,
) -> StepResult:
    """Update the weights by the mean gradient of the batches, which are on the device of the model.

    `model` wraps the state's model. Raises LossNotFinite before the weights change.
    """
    settings, optimizer = state.settings, state.optimizer
    losses: list[float] = []
    measured: list[Mapping[str, float]] = []
    optimizer.zero_grad()
    for batch in batches:
        outputs = model(batch.inputs)
        loss, measures = objective.loss(state.model, outputs, batch)
        losses.append(_require_finite("loss", loss.item(), batch, state))
        measured.append({name: measure.mean().item() for name, measure in measures.items() if measure.numel()})
        (loss / len(batches)).backward()  # type: ignore[no-untyped-call]
    if step_hook:
        step_hook(state.step + 1, batch, outputs, measures)
    gradients = [parameter.grad for parameter in state.model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    _require_finite("gradient", norm.item(), batches[0], state)
    if settings.max_grad_norm:
        nn.utils.clip_grads_with_norm_(state.model.parameters(), settings.max_grad_norm, norm)
    rate = learning_rate(settings, state.step)
    set_learning_rate(optimizer, rate)
    optimizer.step()
    state.advance(len(batches))
    return StepResult(
        loss=_mean(losses),
        lr=rate,
        grad_norm=norm.item(),
        measures=_mean_measures(measured),
        pairs=dict(sum((Counter(batch.pairs) for batch in batches), Counter())),
        images=sum(batch.images for batch in batches),
    )


def _require_finite(what: str, value: float, batch: Batch, state: TrainState) -> float:
    if not math.isfinite(value):
        raise LossNotFinite(what, state.step + 1, batch.position, value, state.saved_step)
    return value


def _mean_measures(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for measures in measured for name in measures)
    return {name: _mean([measures[name] for measures in measured if name in measures]) for name in names}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
