"""Positions of the order to batches of pixels: fetch over HTTP, decode, augment. Runs in the prefetch threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from api.wire import TripletBatch
from trainer.augment import Key, augment
from trainer.images import decode_image
from trainer.mining import Triplets
from trainer.settings import TrainSettings

# N = images of the batch, C = channels, H = height, W = width, S = side, T = triplets

ANCHOR, POSITIVE, NEGATIVE = range(3)


class TripletSource(Protocol):
    """Who answers for batches: the service's client."""

    def snapshot(self, id: str = "latest") -> Mapping[str, Any]: ...

    def triplets(
        self, snapshot: str, *, seed: int, mix: str, negatives: str, position: int, count: int
    ) -> TripletBatch: ...


@dataclass(frozen=True)
class Batch:
    """The pixels and triplets of one step."""

    position: int
    images_NCHW: Tensor
    """uint8, RGB, channels last in memory; pinned where a GPU will read it."""
    triplets: Triplets
    pairs: dict[str, int]
    """How many of its pairs are of each kind."""


class BatchLoader:
    """`load(position)`: the batch of `settings.batch` pairs from there. Pure: the same position, the same pixels."""

    def __init__(self, source: TripletSource, settings: TrainSettings, *, pin: bool) -> None:
        self.source = source
        self.settings = settings
        self.pin = pin

    def __call__(self, position: int) -> Batch:
        """Raises what the client raises, and ImageError."""
        settings = self.settings
        wire = self.source.triplets(
            settings.snapshot,
            seed=settings.seed,
            mix=settings.mix,
            negatives=settings.negatives,
            position=position,
            count=settings.batch,
        )
        images_NCHW = torch.from_numpy(self._pixels(wire)).permute(0, 3, 1, 2)
        index = (wire.anchor_idx, wire.positive_idx, wire.negative_idx)
        return Batch(
            position=position,
            images_NCHW=images_NCHW.pin_memory() if self.pin else images_NCHW,
            triplets=Triplets(*(torch.from_numpy(idx_T) for idx_T in index)),
            pairs=dict(Counter(wire.kind)),
        )

    def _pixels(self, wire: TripletBatch) -> NDArray[np.uint8]:
        size, names = self.settings.image_size, self.settings.augmentations
        images_NSSC = np.empty((len(wire.images), size, size, 3), np.uint8)
        for index, (data, key) in enumerate(zip(wire.images, _keys(wire, self.settings.seed), strict=True)):
            image = decode_image(data, f"Image {index} of the pairs from position {wire.position[0]}")
            images_NSSC[index] = augment(image, size, names, key)
        return images_NSSC


def _keys(wire: TripletBatch, seed: int) -> list[Key]:
    """For each image of the batch, the key of its augmentation: an extra negative has its row's position."""
    positions = wire.position.tolist()
    extra = wire.negative_idx >= 2 * len(wire)
    return [
        *((seed, position, ANCHOR) for position in positions),
        *((seed, position, POSITIVE) for position in positions),
        *((seed, position, NEGATIVE) for position in wire.position[extra].tolist()),
    ]
