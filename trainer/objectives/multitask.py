"""`multitask`: the ranking loss of tracking, plus context prediction on each image of the batch (Sec. 6).

The two tasks share the convolutions, but not the layers after them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.context_pairs import cut_pair, draw_place
from trainer.data.triplets import decode_row, image_keys
from trainer.distributed.ranks import RankShard
from trainer.models.siamese import Model, TripletSiamese
from trainer.objectives.base import Measures
from trainer.objectives.context import ContextHead, pair_rows, place_loss
from trainer.objectives.ranking import Ranking
from trainer.settings import TrainSettings

# N = images, C = channels, S = side, D = embedding, K = places

CONTEXT = 1
"""Ends the keys of context prediction, so that they differ from those of augmentation."""


class MultiTaskSiamese(TripletSiamese):
    """The triplet network with a second head on the same trunk."""

    def __init__(
        self, architecture: str, image_size: int, head_widths: tuple[int, int] = (4096, 1024), queue: int = 0
    ) -> None:
        super().__init__(architecture, image_size, head_widths, queue)
        self.context = ContextHead(self.trunk.flat_size(image_size), head_widths[0])

    def forward(self, images_NCSS: Tensor, patches_N2CSS: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:  # type: ignore[override]
        """Map images to embeddings, N×D; with patches of `cut_pair`, also to the scores of their places, N×K.

        Images and patches go through the trunk together, so that batch normalization sees all of them.
        """
        if patches_N2CSS is None:
            return super().forward(images_NCSS)
        inputs = torch.cat([self.trunk.normalize(images_NCSS), patches_N2CSS.flatten(0, 1)])
        maps = self.trunk.maps(inputs)
        return self.head(maps[: len(images_NCSS)]), self.context(pair_rows(maps[len(images_NCSS) :]))


class MultiTask(Ranking):
    """The sum of both losses. `ranking_loss` and `place_loss` are also measured apart."""

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        return MultiTaskSiamese(settings.trunk, settings.image_size, settings.head_widths, settings.queue)

    def load(self, position: int, shard: RankShard) -> Batch:
        wire = self.loader.fetch(position)
        batch = self.loader.make_batch(wire, position, shard)
        keys = [(*key, CONTEXT) for key in image_keys(wire, self.settings.seed)]
        size = self.settings.image_size
        pairs = [cut_pair(decode_row(wire, row), size, keys[row]) for row in shard.rows(len(keys))]
        return replace(
            batch,
            inputs=(*batch.inputs, torch.from_numpy(np.stack(pairs))),
            targets={**batch.targets, "place_N": torch.tensor([draw_place(key) for key in keys])},
            images=3 * batch.images,
        )

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Measures]:
        ranking, distances = super().loss(model, outputs[:1], batch)
        place, accuracy = place_loss(outputs[1], batch.targets["place_N"])
        apart = {"ranking_loss": ranking.detach(), "place_loss": place.detach()}
        return ranking + place, {**distances, **accuracy, **apart}
