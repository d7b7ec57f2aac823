"""Positions of the order to batches of pixels: fetch over HTTP, decode, augment. Runs in the prefetch threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from api.wire.frames import FrameBatch
from api.wire.triplets import TripletBatch
from trainer.data.augmentation import Key, augment
from trainer.data.batch import Batch
from trainer.data.images import decode_image
from trainer.data.positives import index_images
from trainer.distributed.ranks import SINGLE_PROCESS, RankShard, local_rank
from trainer.settings import TrainSettings

# N = images of the batch, R = those of one rank, C = channels, H = height, W = width, S = side, T = triplets

ANCHOR, POSITIVE, NEGATIVE = range(3)


class TripletSource(Protocol):
    """Who answers for batches: the service's client."""

    def snapshot(self, id: str = "latest") -> Mapping[str, Any]: ...

    def triplets(
        self, snapshot: str, *, seed: int, mix: str, negatives: str, position: int, count: int
    ) -> TripletBatch: ...

    def frames(self, snapshot: str, *, seed: int, position: int, count: int) -> FrameBatch: ...


class TripletLoader:
    """Batches of `settings.batch` pairs: one input, N images, and the triplets that index them.

    Pure: the same position, the same pixels.
    """

    def __init__(self, source: TripletSource, settings: TrainSettings) -> None:
        self.source = source
        self.settings = settings

    def __call__(self, position: int, part: RankShard = SINGLE_PROCESS) -> Batch:
        """Raises what the client raises, and ImageError."""
        return self.batch(self.fetch(position), position, part)

    def batch(self, wire: TripletBatch, position: int, part: RankShard) -> Batch:
        """What the service sent, as the network takes it."""
        return Batch(
            position=position,
            inputs=(self.decode(wire, part.of(len(wire.images))),),
            targets=index_triplets(wire) | index_images(wire),
            pairs=dict(Counter(wire.kind)),
            images=len(wire.images),
        )

    def fetch(self, position: int) -> TripletBatch:
        """What the service has there. Every rank asks for the whole batch: negatives are drawn among its images."""
        settings = self.settings
        return self.source.triplets(
            settings.snapshot,
            seed=settings.seed,
            mix=settings.mix,
            negatives=settings.negatives,
            position=position,
            count=settings.batch,
        )

    def decode(self, wire: TripletBatch, rows: Iterable[int]) -> Tensor:
        """These images of the batch as uint8, R×3×S×S, changed as the settings say."""
        size, names = self.settings.image_size, self.settings.augmentations
        keys = image_keys(wire, self.settings.seed)
        if self.settings.decode == "gpu":
            from trainer.data.gpu_images import decode_images

            rows = list(rows)
            device = torch.device("cuda", local_rank())
            return decode_images([wire.images[row] for row in rows], size, names, [keys[row] for row in rows], device)
        images_RSSC = np.stack(
            [
                augment(
                    decode_image(wire.images[row], f"Image {row} of the pairs from position {wire.position[0]}"),
                    size,
                    names,
                    keys[row],
                )
                for row in rows
            ]
        )
        return torch.from_numpy(images_RSSC).permute(0, 3, 1, 2)


def index_triplets(wire: TripletBatch) -> dict[str, Tensor]:
    """The triplets of a batch, int64 of shape T each."""
    index = {"anchor": wire.anchor_idx, "positive": wire.positive_idx, "negative": wire.negative_idx}
    return {f"{name}_idx_T": torch.from_numpy(idx_T) for name, idx_T in index.items()}


def image_keys(wire: TripletBatch, seed: int) -> list[Key]:
    """For each image of the batch, the key of what is drawn for it: an extra negative has its row's position."""
    positions = wire.position.tolist()
    extra = wire.negative_idx >= 2 * len(wire)
    return [
        *((seed, position, ANCHOR) for position in positions),
        *((seed, position, POSITIVE) for position in positions),
        *((seed, position, NEGATIVE) for position in wire.position[extra].tolist()),
    ]
