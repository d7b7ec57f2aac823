"""What the training loop asks of an objective, and all it knows of one."""

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
"""What else is known of a step, by name: values of any shape. Their mean goes into the metrics."""


class Objective(Protocol):
    """Made from the settings of a run, and from the service where its images may come from; it may never ask it.

    It knows nothing of ranks but `part`: a batch's images are shared out among them, the outputs of all come together,
    and every rank computes the loss of the whole batch.
    """

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None: ...

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        """The model as a run begins with it; torch's random state, seeded by the caller, decides its weights.

        A memory that the loss needs from step to step is a part of the model with buffers: so it is in checkpoints.
        """

    def load(self, position: int, part: RankShard) -> Batch:
        """The batch of `settings.batch` pairs from this position on; of its inputs, the rows of this part.

        Pure: the same position, the same pixels. Whatever is drawn is drawn from (seed, position), never from a
        random state of the process. Runs in the threads of the loaders.
        """

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Measures]:
        """A scalar to make small, from what the model makes of all of the batch's inputs, and the step's measures.

        `outputs` are float32 on the device, one for each input; they may have rows beyond the batch's, to be ignored.
        """
