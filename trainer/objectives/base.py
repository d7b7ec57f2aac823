"""The interface between the training loop and an objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.triplets import TripletSource
from trainer.distributed.ranks import RankShard
from trainer.models.siamese import Model
from trainer.settings import TrainSettings

Measures = Mapping[str, Tensor]
"""Further values of a step by name, such as distances, of any shape. Their means are written to the metrics."""


class Objective(Protocol):
    """What a model is trained for: how to build it, how to load a batch, and the loss.

    An objective is made from the settings of a run and the service; one that reads a folder ignores the service. It
    knows of ranks only the `shard` that it loads: the loop gathers the outputs of all ranks, and every rank computes
    the loss of the whole batch.
    """

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None: ...

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        """Build the model with its first weights. They are drawn from torch's random state, seeded by the caller.

        Memory that the loss needs from step to step must be buffers of the model, so that checkpoints include it.
        """

    def load(self, position: int, shard: RankShard) -> Batch:
        """Load the batch of `settings.batch` pairs from this position on, with the inputs of one shard.

        The same position must give the same pixels: draw random numbers from (seed, position), never from a random
        state of the process. Called in the loader threads.
        """

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Measures]:
        """Compute the loss, a scalar, and the measures of a batch.

        `outputs` are float32 on the device, one for each input. They may have rows beyond the batch's: ignore those.
        """
