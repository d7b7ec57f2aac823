"""One step: forward, loss, backward, and the weights moved, unless something is no number."""

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
    """Mean over its batches of each measure's mean."""
    pairs: Mapping[str, int]
    images: int


Look = Callable[[int, Batch, tuple[Tensor, ...], Measures], None]
"""Is shown the number of a step, its last batch, the outputs and the measures, before the weights move."""


def do_step(
    objective: Objective, state: TrainState, network: ParallelModel, batches: Sequence[Batch], look: Look | None = None
) -> StepResult:
    """Move the weights by the mean gradient of the batches, which are on the device of the model.

    `network` is the state's model as it is called. Raises LossNotFinite, before the weights are touched.
    """
    settings, optimizer = state.settings, state.optimizer
    losses: list[float] = []
    told: list[Mapping[str, float]] = []
    optimizer.zero_grad()
    for batch in batches:
        outputs = network(batch.inputs)
        loss, measures = objective.loss(state.model, outputs, batch)
        losses.append(_finite("loss", loss.item(), batch, state))
        told.append({name: measure.mean().item() for name, measure in measures.items() if measure.numel()})
        (loss / len(batches)).backward()  # type: ignore[no-untyped-call]
    if look:
        look(state.step + 1, batch, outputs, measures)
    gradients = [parameter.grad for parameter in state.model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    _finite("gradient", norm.item(), batches[0], state)
    if settings.max_grad_norm:
        nn.utils.clip_grads_with_norm_(state.model.parameters(), settings.max_grad_norm, norm)
    rate = learning_rate(settings, state.step)
    set_learning_rate(optimizer, rate)
    optimizer.step()
    state.advance(settings.batch * len(batches))
    return StepResult(
        loss=sum(losses) / len(losses),
        lr=rate,
        grad_norm=norm.item(),
        measures={name: _mean([one[name] for one in told if name in one]) for one in told for name in one},
        pairs=dict(sum((Counter(batch.pairs) for batch in batches), Counter())),
        images=sum(batch.images for batch in batches),
    )


def _finite(what: str, value: float, batch: Batch, state: TrainState) -> float:
    if not math.isfinite(value):
        raise LossNotFinite(what, state.step + 1, batch.position, value, state.saved)
    return value


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
