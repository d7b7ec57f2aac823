"""Networks as extractors: the last map of a torchvision or timm network, or of a trunk that the trainer wrote.

At 96×96 that map of VGG16 is pool5, the paper's 4,608 numbers (Sec. 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foundation.errors import SettingsError
from graphdb.model import digest
from ingest.errors import UnknownExtractor
from ingest.features.base import normalize
from trainer.models.trunk import RGB_MEAN, RGB_STD, TIMM, Trunk, fixed_size
from trainer.models.weights import file_digest, load_trunk, load_weights

SIZE = 96
"""Side of the images that a network is given, unless the network or its card asks for another."""
BATCH = 32
SEED = 0
"""Seed of the random weights of a network without a file of weights."""
WHITEN = 128
TORCHVISION_NAMES = (
    "torchvision:NAME, with a name of torchvision.models.list_models() of a network that is convolutional throughout "
    "(resnet18, vgg16 …)"
)
TIMM_NAMES = "timm:NAME, with a name of timm.list_models()"

# N = images, C = channels, S = side, D = dims


@dataclass(frozen=True)
class Input:
    """The images that a network expects: their side, and the mean and std by which RGB in [0, 1] is normalized.

    Its text is part of an extractor's digest, so the names and the order of its fields must not change.
    """

    size: int = SIZE
    mean: tuple[float, ...] = RGB_MEAN
    std: tuple[float, ...] = RGB_STD

    def images(self, crops_NSSC: NDArray[np.uint8], device: str) -> Tensor:
        """Convert crops to the network's images, N×3×S×S."""
        images_NCSS = torch.from_numpy(crops_NSSC).permute(0, 3, 1, 2).to(device, torch.float32) / 255
        if images_NCSS.shape[-1] != self.size:
            size = (self.size, self.size)
            images_NCSS = nn.functional.interpolate(images_NCSS, size, mode="bilinear", antialias=True)
        mean, std = (torch.tensor(value, device=device).view(1, 3, 1, 1) for value in (self.mean, self.std))
        return ((images_NCSS - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, eq=False)
class NetworkExtractor:
    """A network in evaluation mode: its last map, flattened.

    Every batch has the same shape; the last batch is filled up with zeros. Torch chooses its kernels by the shape, so
    that otherwise the last bit of a row would depend on the number of crops.
    """

    trunk: Trunk
    input: Input
    device: str
    name: str
    digest: str
    dims: int

    whiten = WHITEN

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows_ND = np.zeros((len(crops), self.dims), np.float32)
        for start in range(0, len(crops), BATCH):
            rows_ND[start : start + BATCH] = self._batch(crops[start : start + BATCH])
        # A network's map of a blank crop is as strong as any other, but means nothing.
        blank_N = crops.max(axis=(1, 2, 3), initial=0) == crops.min(axis=(1, 2, 3), initial=255)
        rows_ND[blank_N] = 0
        return normalize(rows_ND)

    @torch.inference_mode()
    def _batch(self, crops_NSSC: NDArray[np.uint8]) -> NDArray[np.float32]:
        filled = np.zeros((BATCH, *crops_NSSC.shape[1:]), np.uint8)
        filled[: len(crops_NSSC)] = crops_NSSC
        maps = self.trunk.maps(self.input.images(filled, self.device))
        rows_ND: NDArray[np.float32] = maps.flatten(1).float().cpu().numpy()
        return rows_ND[: len(crops_NSSC)]


def trunk(path: Path) -> NetworkExtractor:
    """Make an extractor of a trunk that `affinity train` wrote, at the image size of its training."""
    with _seeded():
        network, card = load_trunk(path)
    wanted = card["input"]
    return _extractor("trunk", network, Input(wanted["size"], tuple(wanted["mean"]), tuple(wanted["std"])), path)


def of_torchvision(name: str, weights: Path | None) -> NetworkExtractor:
    """Make an extractor of a torchvision network, with the weights of a file or with random ones."""
    network = _build(name, SIZE, weights, f"torchvision:{name}", (TORCHVISION_NAMES, TIMM_NAMES))
    return _extractor("torchvision", network, Input(), weights)


def of_timm(name: str, weights: Path | None) -> NetworkExtractor:
    """Make an extractor of a timm network, with the weights of a file or with random ones."""
    size = fixed_size(name) or SIZE
    network = _build(f"{TIMM}{name}", size, weights, f"timm:{name}", (TIMM_NAMES,))
    return _extractor("timm", network, Input(size, network.rgb_mean, network.rgb_std), weights)


def _build(architecture: str, size: int, weights: Path | None, extractor: str, known: tuple[str, ...]) -> Trunk:
    """Build the network. Raises UnknownExtractor, and what `load_weights` raises."""
    try:
        with _seeded():
            network = Trunk(architecture, size, library_weights=weights is None)
    except SettingsError as error:
        raise UnknownExtractor(extractor, known) from error
    if weights:
        load_weights(network, weights)
    return network


def _extractor(kind: str, network: Trunk, wanted: Input, weights: Path | None) -> NetworkExtractor:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # TF32 keeps ten bits of a product: the error in the features would be larger than that of half precision.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    network.eval().requires_grad_(False)
    dims = network.flat_size(wanted.size)
    network.to(device).to(memory_format=torch.channels_last)
    architecture = network.architecture if kind == "trunk" else network.name
    library = import_module(network.library)
    return NetworkExtractor(
        trunk=network,
        input=wanted,
        device=device,
        name=f"{kind}:{architecture}",
        digest=digest(
            *("network", "1", kind, architecture, file_digest(weights) if weights else f"seed {SEED}"),
            *(f"{wanted}", device, torch.__version__, library.__version__),
        ),
        dims=dims,
    )


@contextmanager
def _seeded() -> Iterator[None]:
    """Draw the same random weights each time, without changing the random state of the process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield
