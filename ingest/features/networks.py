"""Networks as extractors: the last convolutional map of a torchvision or timm network, or of a trunk of our own.

At 96×96 that map of VGG16 is pool5, the paper's 4,608 numbers (Sec. 4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn

from graphdb.model import digest
from ingest.errors import UnknownExtractor
from ingest.features.base import normalize
from ingest.features.weights import fill, needed, read_card, weights_digest

SIZE = 96
"""Side of the image that a network sees, unless it or its card asks for another."""
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 32
SEED = 0
"""Of the weights of a network that is given none."""
WHITEN = 128
HEADS = ("avgpool", "classifier", "fc", "head")
AUXILIARY = ("AuxLogits", "aux1", "aux2")
"""Parts of torchvision's networks after the last map, and beside it."""

# N = images, C = channels, S = side, H×W = the map


Maps = Callable[[Tensor], Tensor]
"""From N×3×S×S images to maps N×C×H×W, or vectors N×C."""


@dataclass(frozen=True)
class Input:
    """How a network wants its images: their side, and what is subtracted from RGB in [0, 1] and divided by."""

    size: int = SIZE
    mean: tuple[float, ...] = RGB_MEAN
    std: tuple[float, ...] = RGB_STD

    def images(self, crops: NDArray[np.uint8], device: str) -> Tensor:
        """N×S×S×3 crops as the network's images."""
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).to(device, torch.float32) / 255
        if images.shape[-1] != self.size:
            images = nn.functional.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(value, device=device).view(1, 3, 1, 1) for value in (self.mean, self.std))
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, eq=False)
class NetworkExtractor:
    """A network in evaluation mode: its last map, flattened.

    Every batch has the same shape, the last one filled up with zeros: which kernels compute it, and so the last bit of
    a row, does not depend on how many crops there are.
    """

    maps: Maps
    input: Input
    device: str
    name: str
    digest: str
    dims: int

    whiten = WHITEN

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = np.zeros((len(crops), self.dims), np.float32)
        for i in range(0, len(crops), BATCH):
            rows[i : i + BATCH] = self._batch(crops[i : i + BATCH])
        # A blank crop gives a network's answer to nothing, which is as strong as any other.
        rows[crops.max(axis=(1, 2, 3), initial=0) == crops.min(axis=(1, 2, 3), initial=255)] = 0
        return normalize(rows)

    @torch.inference_mode()
    def _batch(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        filled = np.zeros((BATCH, *crops.shape[1:]), np.uint8)
        filled[: len(crops)] = crops
        maps = self.maps(self.input.images(filled, self.device))
        found: NDArray[np.float32] = maps.flatten(1).float().cpu().numpy()
        return found[: len(crops)]


def trunk(path: Path) -> NetworkExtractor:
    """A trunk that `affinity train` exported, at the size it was trained with."""
    card = read_card(path)
    wanted = Input(card["input"]["size"], tuple(card["input"]["mean"]), tuple(card["input"]["std"]))
    architecture = card["architecture"]
    if card["library"] == "timm":
        return _extractor("trunk", f"timm:{architecture}", *_of_timm(architecture, path, wanted.size), wanted, path)
    return _extractor("trunk", architecture, *_of_torchvision(architecture, path), wanted, path)


def of_torchvision(architecture: str, weights: Path | None) -> NetworkExtractor:
    """A network of torchvision by name, up to its last map."""
    return _extractor("torchvision", architecture, *_of_torchvision(architecture, weights), Input(), weights)


def _of_torchvision(architecture: str, weights: Path | None) -> tuple[nn.Module, Maps]:
    """The network without what follows its last map, and what computes the map; parameters keep their names."""
    try:
        # On `meta` nothing is allocated: what is filled from a file needs no weights before that, nor parts cut off.
        with seeded(), torch.device("meta" if weights else "cpu"):
            network = torchvision.models.get_model(architecture, weights=None)
    except ValueError as error:
        known = "torchvision:NAME, with a name of torchvision.models.list_models()"
        raise UnknownExtractor(f"torchvision:{architecture}", [known]) from error
    features = getattr(network, "features", None)
    maps = network if hasattr(network, "avgpool") else features
    if maps is None:
        reason = "a network of torchvision that ends in a map (resnet18, vgg16 …)", "timm:NAME"
        raise UnknownExtractor(f"torchvision:{architecture}", reason)
    for name in (*HEADS, *AUXILIARY):
        if hasattr(network, name):
            setattr(network, name, nn.Identity() if name in HEADS else None)
    if weights:
        fill(network, architecture, weights, (*HEADS, *AUXILIARY))
    return network, maps


def of_timm(architecture: str, weights: Path | None) -> NetworkExtractor:
    """A network of timm by name: its last map, or of a transformer the vector that it pools from its tokens."""
    from timm.data.config import resolve_model_data_config

    network, maps = _of_timm(architecture, weights)
    config = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    size = config["input_size"][-1] if network.pretrained_cfg.get("fixed_input_size") else SIZE
    return _extractor(
        "timm", architecture, network, maps, Input(size, tuple(config["mean"]), tuple(config["std"])), weights
    )


def _of_timm(architecture: str, weights: Path | None, size: int | None = None) -> tuple[Any, Maps]:
    """The network without its classifier, and what computes the map; `size` where it is made for images of one size."""
    needed("timm", f"timm:{architecture}")
    import timm

    if not timm.is_model(architecture):
        raise UnknownExtractor(f"timm:{architecture}", ["timm:NAME, with a name of timm.list_models()"])
    about = timm.get_pretrained_cfg(architecture)
    fixed = about is not None and about.fixed_input_size
    with seeded():
        sized: dict[str, Any] = {"img_size": size} if size and fixed else {}
        network: Any = timm.create_model(architecture, pretrained=False, num_classes=0, **sized).eval()
    if weights:
        fill(network, architecture, weights, (network.pretrained_cfg.get("classifier") or "head",))
    side = network.pretrained_cfg["input_size"][-1] if fixed and not size else size or SIZE
    maps = network.forward_features if len(_shape(network.forward_features, side)) == 4 else network
    return network, maps


def _extractor(
    kind: str, architecture: str, network: nn.Module, maps: Maps, wanted: Input, weights: Path | None
) -> NetworkExtractor:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # TF32 keeps ten bits of a product: features would differ by more than half precision does.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    network.eval().requires_grad_(False)
    dims = int(np.prod(_shape(maps, wanted.size)))
    network.to(device).to(memory_format=torch.channels_last)
    library = import_module("timm" if "timm" in (kind, architecture.partition(":")[0]) else "torchvision")
    return NetworkExtractor(
        maps=maps,
        input=wanted,
        device=device,
        name=f"{kind}:{architecture}",
        digest=digest(
            *("network", "1", kind, architecture, weights_digest(weights) if weights else f"seed {SEED}"),
            *(f"{wanted}", device, torch.__version__, library.__version__),
        ),
        dims=dims,
    )


@contextmanager
def seeded() -> Iterator[None]:
    """Random weights that are the same each time, without a trace in the random state of the process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


@torch.inference_mode()
def _shape(maps: Maps, size: int) -> tuple[int, ...]:
    """Of the answer to one image."""
    return tuple(maps(torch.zeros(1, 3, size, size)).shape)
