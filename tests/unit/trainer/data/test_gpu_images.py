"""The GPU's way of decoding, run on the CPU: the same images as the usual way, up to rounding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foundation.errors import SettingsError
from tests.unit.trainer.loop.test_train import train_run
from tests.unit.trainer.toy_service import ToyService
from trainer.data.gpu_images import decode_images
from trainer.data.triplets import TripletLoader, image_keys
from trainer.errors import DataError
from trainer.settings import TrainSettings

CPU = torch.device("cpu")

# Since 0.29, torchvision warns that its decoders will move to TorchCodec.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")


@pytest.mark.parametrize(
    ("names", "size", "mean", "most"),
    [
        ("none", 96, 0.5, 8),
        ("mirror", 96, 0.5, 8),
        ("color", 96, 1, 16),
        ("none", 64, 3, 64),
        ("mirror,crop,color", 96, 3, 64),
        ("mirror,crop", 128, 3, 64),
    ],
)
def test_both_ways_of_decoding_give_the_same_images(names: str, size: int, mean: float, most: int) -> None:
    settings = TrainSettings(snapshot="toy", batch=4, image_size=size, augment=names, seed=2)
    loader = TripletLoader(ToyService(), settings)
    wire = loader.fetch(0)

    found = decode_images(wire.images, size, settings.augmentations, image_keys(wire, 2), CPU)

    wanted = loader.decode(wire, range(12))
    apart = (found.int() - wanted.int()).abs().float()
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert apart.mean() < mean and apart.max() <= most


def test_bytes_that_are_no_jpeg_are_an_error() -> None:
    with pytest.raises(DataError, match="One of 1 images"):
        decode_images([b"no jpeg"], 96, frozenset(), [(0, 0, 0)], CPU)


def test_gpu_decoding_on_a_cpu_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--decode cpu"):
        train_run(tmp_path / "run", 2, decode="gpu")
