"""`context`: predict at which of the eight places around a patch another one lies (Doersch et al.; Sec. 4.2).

Its network serves as the extractor that INTER edges are mined with, and as initial weights of the other objectives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.data.batch import Batch
from trainer.data.context_pairs import NEIGHBORS, cut_pair, draw_place
from trainer.data.image_folder import ImageFolder
from trainer.data.images import Image, decode_image
from trainer.data.triplets import TripletSource
from trainer.distributed.ranks import RankShard
from trainer.models.batchnorm_folding import fold_batchnorm, with_batchnorm
from trainer.models.siamese import Model
from trainer.models.trunk import Trunk, initialize
from trainer.objectives.base import Measures
from trainer.settings import TrainSettings

# N = pairs, M = 2N patches, C = channels, S = side, F = numbers of a map, K = places

RowDecoder = Callable[[int], Image]
"""Decodes the image of one row of a batch."""


class ContextHead(nn.Sequential):
    """The authors' layers after the trunk: one that both patches share, and three that see both. N×2 maps to N×K."""

    def __init__(self, flat: int, hidden: int) -> None:
        super().__init__(
            nn.Flatten(2),
            _SharedLayer(flat, hidden),
            nn.Flatten(1),
            nn.Linear(2 * hidden, hidden),
            nn.BatchNorm1d(hidden, affine=False),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, len(NEIGHBORS)),
        )
        self.apply(initialize)


class _SharedLayer(nn.Module):
    """One layer for the first and the second patch alike: N×2×F to N×2×hidden."""

    def __init__(self, flat: int, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(flat, hidden)
        self.norm = nn.BatchNorm1d(hidden, affine=False)

    def forward(self, maps_N2F: Tensor) -> Tensor:
        hidden: Tensor = self.norm(self.linear(maps_N2F.flatten(0, 1))).relu()
        return pair_rows(hidden)


def pair_rows(rows_MX: Tensor) -> Tensor:
    """Put the rows of the first and the second patch of each pair side by side: N×2×…"""
    return rows_MX.reshape(-1, 2, *rows_MX.shape[1:])


class ContextSiamese(Model):
    """A trunk that sees both patches, and the head that predicts the place of the second."""

    def __init__(self, architecture: str, image_size: int, hidden: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.trunk = Trunk(with_batchnorm(architecture), image_size)
        self.context = ContextHead(self.trunk.flat_size(image_size), hidden)
        self.to(memory_format=torch.channels_last)

    def forward(self, patches_N2CSS: Tensor) -> Tensor:
        """Map patches of `cut_pair` to the scores of the places, N×K."""
        maps = self.trunk.maps(patches_N2CSS.flatten(0, 1))
        scores_NK: Tensor = self.context(pair_rows(maps))
        return scores_NK

    def exported_trunk(self) -> Trunk:
        return fold_batchnorm(self.trunk, self.architecture)


class Context:
    """Context prediction on the frames of a snapshot, or on a folder of images: one pair of patches a position."""

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None:
        self.settings = settings
        self.source = source
        self.folder = ImageFolder.read(settings.images_folder) if settings.images_folder else None

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        return ContextSiamese(settings.trunk, settings.image_size, settings.head_widths[0])

    def load(self, position: int, shard: RankShard) -> Batch:
        positions = range(position, position + self.settings.batch)
        decode = self._row_decoder(positions)
        keys = [(self.settings.seed, each) for each in positions]
        pairs = [cut_pair(decode(row), self.settings.image_size, keys[row]) for row in shard.rows(len(keys))]
        return Batch(
            position=position,
            inputs=(torch.from_numpy(np.stack(pairs)),),
            targets={"place_N": torch.tensor([draw_place(key) for key in keys])},
            pairs={"frame": len(keys)},
            images=2 * len(keys),
        )

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Measures]:
        return place_loss(outputs[0], batch.targets["place_N"])

    def _row_decoder(self, positions: range) -> RowDecoder:
        settings = self.settings
        if self.folder is not None:
            paths = [self.folder.paths[index] for index in self.folder.indices_at(settings.seed, positions)]
            return lambda row: decode_image(paths[row].read_bytes(), str(paths[row]))
        frames = self.source.frames(
            settings.snapshot, seed=settings.seed, position=positions.start, count=len(positions)
        )
        return lambda row: decode_image(frames.images[row], f"Frame {frames.frame_id[row]}")


def place_loss(scores_NK: Tensor, place_N: Tensor) -> tuple[Tensor, Measures]:
    """Compute the cross-entropy of the places, and the share predicted correctly. Rows beyond N are ignored."""
    scores_NK = scores_NK[: len(place_N)]
    accuracy = (scores_NK.argmax(1) == place_N).float().mean()
    return F.cross_entropy(scores_NK, place_N), {"accuracy": accuracy}
