"""The convolutional trunk: a network of torchvision or of timm, up to its last map."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torchvision
from torch import Tensor, nn

from foundation.errors import SettingsError

# N = images, C = channels, H = height, W = width

RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The normalization of torchvision's networks, for RGB in [0, 1]. Users of our weights normalize in the same way."""
HEADS = ("avgpool", "flatten", "dropout", "classifier", "fc", "head", "heads")
"""Parts of torchvision's networks after the last map."""
AUXILIARY = ("AuxLogits", "aux1", "aux2")
"""Classifiers of torchvision's networks that branch off before the last map, and are used in training only."""
TIMM = "timm:"
"""Prefix of the name of a timm network."""


class Parts(NamedTuple):
    """A network without what follows its last map."""

    net: nn.Module
    map_method: str
    """Name of its method that maps images to maps."""
    removed: Sequence[str]
    """Names of the parts with weights that were removed, the classifier first."""
    mean: Sequence[float]
    std: Sequence[float]


class Trunk(nn.Module):
    """The convolutions of a network. The spatial map is kept, not averaged.

    The names in its state dict are the library's. At 96×96 the map of resnet18 or vgg16 is 512×3×3, or 4,608 numbers
    when flattened. For a transformer of timm, the map is the vector that it pools from its tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: str, image_size: int = 96, *, library_weights: bool = False) -> None:
        """Build a torchvision network by name, or `timm:NAME`, with random weights.

        With `library_weights`, the weights are drawn exactly as the library draws them. Otherwise the convolutions of
        VGG are drawn by `initialize`. Raises SettingsError if there is no such network, or if it gives no map.
        """
        super().__init__()
        self.architecture = architecture
        self.library = "timm" if architecture.startswith(TIMM) else "torchvision"
        self.name = architecture.removeprefix(TIMM)
        if self.library == "timm":
            parts = _timm_parts(self.name, image_size)
        else:
            parts = _torchvision_parts(self.name, library_weights)
        self.net, self._map_method, self.removed = parts.net, parts.map_method, tuple(parts.removed)
        self.rgb_mean, self.rgb_std = tuple(parts.mean), tuple(parts.std)
        self.register_buffer("mean", 255 * torch.tensor(parts.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(parts.std).view(1, 3, 1, 1), persistent=False)
        self.register_state_dict_post_hook(_remove_net_prefix)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_add_net_prefix)  # type: ignore[no-untyped-call]
        self._check_map(image_size)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """Map uint8 RGB images, N×3×H×W, to maps; of resnet18 and vgg16 these are N×512×(H/32)×(W/32)."""
        return self.maps(self.normalize(images_NCHW))

    def normalize(self, images_NCHW: Tensor) -> Tensor:
        """Normalize uint8 RGB images as the convolutions expect them."""
        return (images_NCHW - self.mean) / self.std

    def maps(self, inputs_NCHW: Tensor) -> Tensor:
        """Map inputs that are normalized already."""
        maps: Tensor = getattr(self.net, self._map_method)(inputs_NCHW)
        return maps

    @torch.no_grad()
    def flat_size(self, image_size: int) -> int:
        """Count the numbers in the map of one image. Computed in evaluation mode, so no running mean changes."""
        blank_NCHW = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8)
        training = self.training
        size = self.eval()(blank_NCHW).numel()
        self.train(training)
        return int(size)

    def _check_map(self, image_size: int) -> None:
        try:
            self.flat_size(image_size)
        except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise SettingsError(
                f"The trunk {self.architecture!r} gives no map of images of {image_size} pixels: {error}. "
                "Choose a network that is convolutional throughout, or another --image-size."
            ) from error


def fixed_size(name: str) -> int | None:
    """The image size that a timm network was made for, if it takes no other unless built for it; else None."""
    import timm

    config = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    return int(config.input_size[-1]) if config is not None and config.fixed_input_size else None


def _torchvision_parts(name: str, library_weights: bool) -> Parts:
    if name.startswith("vgg") and not library_weights:
        # On `meta` nothing is allocated: the classifier of VGG16, which is removed, holds most of its weights.
        with torch.device("meta"):
            network = _build_torchvision(name)
        net = _up_to_map(network).to_empty(device="cpu").apply(initialize)
    else:
        network = _build_torchvision(name)
        net = _up_to_map(network)
    with_weights = [part for part, module in network.named_children() if list(module.parameters())]
    removed = [part for group in (HEADS, AUXILIARY) for part in with_weights if part in group]
    return Parts(net, "forward", removed, RGB_MEAN, RGB_STD)


def _build_torchvision(name: str) -> nn.Module:
    # get_model ignores upper and lower case.
    if name.lower() not in torchvision.models.list_models(module=torchvision.models):
        raise SettingsError(
            f"The trunk {name!r} is not a network of torchvision (torchvision.models.list_models() lists them). "
            f"A network of timm is named {TIMM}NAME."
        )
    network: nn.Module = torchvision.models.get_model(name, weights=None)
    return network


def _up_to_map(network: nn.Module) -> nn.Sequential:
    children = ((name, part) for name, part in network.named_children() if name not in HEADS + AUXILIARY)
    return nn.Sequential(OrderedDict(children))


def _timm_parts(name: str, image_size: int) -> Parts:
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ModuleNotFoundError as error:
        raise SettingsError(f"The trunk {TIMM}{name} needs the package timm: pip install timm.") from error
    if not timm.is_model(name):
        raise SettingsError(f"The trunk {TIMM}{name} is not a network of timm: timm.list_models() lists them.")
    other_size: dict[str, Any] = {"img_size": image_size} if fixed_size(name) not in (None, image_size) else {}
    net: Any = timm.create_model(name, pretrained=False, num_classes=0, **other_size).eval()
    with torch.no_grad():
        is_map = net.forward_features(torch.zeros(1, 3, image_size, image_size)).ndim == 4
    config = resolve_model_data_config(net)  # type: ignore[no-untyped-call]
    classifier = net.pretrained_cfg.get("classifier") or "head"
    return Parts(
        net.train(),
        "forward_features" if is_map else "forward",
        [classifier] if isinstance(classifier, str) else list(classifier),
        config["mean"],
        config["std"],
    )


def _remove_net_prefix(trunk: nn.Module, state: dict[str, Any], prefix: str, _: object) -> None:
    """Give the state dict the library's names."""
    inner = f"{prefix}net."
    for name in [name for name in state if name.startswith(inner)]:
        state[prefix + name.removeprefix(inner)] = state.pop(name)


def _add_net_prefix(trunk: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Give a state dict with the library's names the names of this module."""
    for name in [name for name in state if name.startswith(prefix)]:
        state[f"{prefix}net.{name.removeprefix(prefix)}"] = state.pop(name)


def initialize(part: nn.Module) -> None:
    """Draw the weights of a layer that starts from nothing.

    Convolutions (He et al.) keep the size of the signal through ReLUs. The head begins with smaller weights: the
    cosine does not depend on length, so small weights turn faster under the same learning rate.
    """
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(part, (nn.Linear, nn.BatchNorm2d)):
        part.reset_parameters()
    if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
        nn.init.zeros_(part.bias)
