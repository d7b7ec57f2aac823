"""Loading of triplets: fetch pairs over HTTP, decode and augment their images. Runs in the loader threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from api.wire.frames import FrameBatch
from api.wire.triplets import TripletBatch
from trainer.data.augmentation import Key, augment
from trainer.data.batch import Batch
from trainer.data.images import Image, decode_image
from trainer.data.targets import index_images, index_triplets
from trainer.distributed.ranks import SINGLE_PROCESS, RankShard, local_rank
from trainer.settings import TrainSettings

# N = images of the batch, R = images of one rank, C = channels, S = side

ANCHOR, POSITIVE, NEGATIVE = range(3)
"""Roles in a triplet, as keys of augmentation have them."""


class TripletSource(Protocol):
    """The part of the service's client that the trainer uses."""

    def snapshot(self, id: str = "latest") -> Mapping[str, Any]: ...

    def triplets(
        self, snapshot: str, *, seed: int, mix: str, negatives: str, position: int, count: int
    ) -> TripletBatch: ...

    def frames(self, snapshot: str, *, seed: int, position: int, count: int) -> FrameBatch: ...


class TripletLoader:
    """Load batches of `settings.batch` pairs: one input of N images, and targets that index them.

    The same position always gives the same pixels.
    """

    def __init__(self, source: TripletSource, settings: TrainSettings) -> None:
        self.source = source
        self.settings = settings

    def __call__(self, position: int, shard: RankShard = SINGLE_PROCESS) -> Batch:
        """Load the batch at a position. Raises the client's errors, and DataError."""
        return self.make_batch(self.fetch(position), position, shard)

    def fetch(self, position: int) -> TripletBatch:
        """Fetch the pairs at a position. Every rank fetches the whole batch, whose images serve as negatives."""
        settings = self.settings
        return self.source.triplets(
            settings.snapshot,
            seed=settings.seed,
            mix=settings.mix,
            negatives=settings.negatives,
            position=position,
            count=settings.batch,
        )

    def make_batch(self, wire: TripletBatch, position: int, shard: RankShard) -> Batch:
        """Make a batch of fetched pairs, with the images of one rank."""
        return Batch(
            position=position,
            inputs=(self.decode(wire, shard.rows(len(wire.images))),),
            targets=index_triplets(wire) | index_images(wire),
            pairs=dict(Counter(wire.kind)),
            images=len(wire.images),
        )

    def decode(self, wire: TripletBatch, rows: Sequence[int]) -> Tensor:
        """Decode and augment these images of the batch: uint8, R×3×S×S."""
        size, names = self.settings.image_size, self.settings.augmentations
        keys = image_keys(wire, self.settings.seed)
        if self.settings.decode == "gpu":
            from trainer.data.gpu_images import decode_images

            device = torch.device("cuda", local_rank())
            return decode_images([wire.images[row] for row in rows], size, names, [keys[row] for row in rows], device)
        images_RSSC = np.stack([augment(decode_row(wire, row), size, names, keys[row]) for row in rows])
        return torch.from_numpy(images_RSSC).permute(0, 3, 1, 2)


def decode_row(wire: TripletBatch, row: int) -> Image:
    """Decode one image of the batch. Raises DataError."""
    return decode_image(wire.images[row], f"Image {row} of the pairs from position {wire.position[0]}")


def image_keys(wire: TripletBatch, seed: int) -> list[Key]:
    """List the augmentation key of each image of the batch. An extra negative has the position of its row."""
    positions = wire.position.tolist()
    extra = wire.negative_idx >= 2 * len(wire)
    return [
        *((seed, position, ANCHOR) for position in positions),
        *((seed, position, POSITIVE) for position in positions),
        *((seed, position, NEGATIVE) for position in wire.position[extra].tolist()),
    ]
