"""`multitask`: the ranking loss of tracking and context prediction on each image of the batch, summed (Sec. 6).

The convolutions are shared, the layers after them are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.context_pairs import cut_pair, draw_place
from trainer.data.images import decode_image
from trainer.data.triplets import image_keys
from trainer.distributed.ranks import RankShard
from trainer.models.siamese import Model, TripletSiamese
from trainer.objectives.context import ContextHead, in_twos, place_loss
from trainer.objectives.ranking import Ranking
from trainer.settings import TrainSettings

# N = images, S = side, D = embedding, K = places

CONTEXT = 1
"""Ends the keys of what is drawn for context, beside those of augmentation."""


class MultiTaskSiamese(TripletSiamese):
    """The triplet network with a second head on the same trunk."""

    def __init__(
        self, architecture: str, image_size: int, head_widths: tuple[int, int] = (4096, 1024), queue: int = 0
    ) -> None:
        super().__init__(architecture, image_size, head_widths, queue)
        self.context = ContextHead(self.trunk.flat_size(image_size), head_widths[0])

    def forward(self, images_NCSS: Tensor, patches_N2CSS: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:  # type: ignore[override]
        """Embeddings, N×D; with patches as `cut_pair` gives them, also the scores of their places, N×K.

        All go through the trunk at once, so that one with batch normalization sees them together.
        """
        if patches_N2CSS is None:
            return super().forward(images_NCSS)
        together = torch.cat([self.trunk.normalize(images_NCSS), patches_N2CSS.flatten(0, 1)])
        maps = self.trunk.maps(together)
        return self.head(maps[: len(images_NCSS)]), self.context(in_twos(maps[len(images_NCSS) :]))


class MultiTask(Ranking):
    """Both losses on the same batch; `place_loss` and `ranking_loss` are measured apart."""

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        return MultiTaskSiamese(settings.trunk, settings.image_size, settings.head_widths, settings.queue)

    def load(self, position: int, part: RankShard) -> Batch:
        wire = self.loader.fetch(position)
        batch = self.loader.batch(wire, position, part)
        keys = [(*key, CONTEXT) for key in image_keys(wire, self.settings.seed)]
        size = self.settings.image_size
        pairs = [
            cut_pair(decode_image(wire.images[row], f"Image {row} from {position}"), size, keys[row])
            for row in part.of(len(keys))
        ]
        return replace(
            batch,
            inputs=(*batch.inputs, torch.from_numpy(np.stack(pairs))),
            targets={**batch.targets, "place_N": torch.tensor([draw_place(key) for key in keys])},
            images=3 * batch.images,
        )

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        ranking, distances = super().loss(model, outputs[:1], batch)
        place, told = place_loss(outputs[1], batch.targets["place_N"])
        return ranking + place, {**distances, **told, "ranking_loss": ranking.detach(), "place_loss": place.detach()}
