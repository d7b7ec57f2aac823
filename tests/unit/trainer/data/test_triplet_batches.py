from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from api.wire.triplets import TripletBatch
from tests.unit.trainer.toy_service import ToyService
from trainer.data.augmentation import augment
from trainer.data.images import decode_image
from trainer.data.triplets import TripletLoader
from trainer.errors import DataError
from trainer.objectives.negative_mining import Triplets
from trainer.settings import TrainSettings

SETTINGS = TrainSettings(snapshot="toy", batch=4, image_size=64, seed=3, augment="mirror,crop,color")


class BatchNegatives(ToyService):
    """The last row alone brings its negative; those of the others are images of the batch."""

    def triplets(self, *args: Any, **query: Any) -> TripletBatch:
        batch = super().triplets(*args, **query)
        own: Sequence[int] = [5, 6, 7, 8]
        return replace(batch, images=[*batch.images[:8], batch.images[11]], negative_idx=np.array(own, np.int64))


def test_the_same_position_gives_the_same_pixels() -> None:
    one, other = (TripletLoader(ToyService(), SETTINGS)(100) for _ in range(2))

    (images_NCHW,), (again_NCHW,) = one.inputs, other.inputs
    assert torch.equal(images_NCHW, again_NCHW)
    assert images_NCHW.shape == (12, 3, 64, 64) and images_NCHW.dtype == torch.uint8
    assert images_NCHW.is_contiguous(memory_format=torch.channels_last)


def test_pixels_do_not_depend_on_the_batch_size() -> None:
    load = TripletLoader(ToyService(), SETTINGS)
    load_pairs = TripletLoader(ToyService(), replace(SETTINGS, batch=2))

    (whole,), (second_half,) = load(100).inputs, load_pairs(102).inputs

    assert torch.equal(whole[[2, 3, 6, 7, 10, 11]], second_half)


def test_triplets_index_the_images() -> None:
    batch = TripletLoader(BatchNegatives(), SETTINGS)(0)

    a, p, n = Triplets.of(batch)
    assert (a.tolist(), p.tolist(), n.tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7], [5, 6, 7, 8])
    assert len(batch.inputs[0]) == batch.images == 9
    assert batch.pairs == {"transitive": 4}


def test_an_extra_negative_is_augmented_with_the_position_of_its_row() -> None:
    batch = TripletLoader(BatchNegatives(), SETTINGS)(0)
    jpeg = (
        BatchNegatives().triplets("toy", seed=3, mix="transitive:1", negatives="batch", position=0, count=4).images[8]
    )

    expected = augment(decode_image(jpeg, "the negative"), 64, SETTINGS.augmentations, (3, 3, 2))

    assert np.array_equal(batch.inputs[0][8].permute(1, 2, 0).numpy(), expected)


def test_an_image_that_cannot_be_decoded_is_an_error_with_its_position() -> None:
    class Broken(ToyService):
        def triplets(self, *args: Any, **query: Any) -> TripletBatch:
            batch = super().triplets(*args, **query)
            return replace(batch, images=[*batch.images[:2], b"no jpeg", *batch.images[3:]])

    with pytest.raises(DataError, match="Image 2 of the pairs from position 40"):
        TripletLoader(Broken(), SETTINGS)(40)
