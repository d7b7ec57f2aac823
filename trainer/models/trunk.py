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
"""Of torchvision's networks; inputs of later users of the weights are expected to be scaled by these too."""
HEADS = ("avgpool", "flatten", "dropout", "classifier", "fc", "head", "heads")
"""Parts of torchvision's networks after the last map."""
TIMM = "timm:"
"""Before the name of a network of timm."""


class Parts(NamedTuple):
    """A network without what follows its last map."""

    net: nn.Module
    maps: str
    """Its method that maps images to maps."""
    classifier: Sequence[str]
    """The parts with weights that were left out."""
    mean: Sequence[float]
    std: Sequence[float]


class Trunk(nn.Module):
    """The convolutions of a network; the spatial map is kept, not averaged.

    Its state has the names that the library gives. At 96×96 the map of resnet18 or vgg16 is 512×3×3, or 4608 flat. Of
    timm's transformers it is the vector that they pool from their tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: str, image_size: int = 96) -> None:
        """A network of torchvision by name, or `timm:NAME`. Raises SettingsError where there is none such."""
        super().__init__()
        self.architecture = architecture
        self.library = "timm" if architecture.startswith(TIMM) else "torchvision"
        self.name = architecture.removeprefix(TIMM)
        parts = _of_timm(self.name, image_size) if self.library == "timm" else _of_torchvision(self.name)
        self.net, self._maps, self.classifier = parts.net, parts.maps, tuple(parts.classifier)
        self.register_buffer("mean", 255 * torch.tensor(parts.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(parts.std).view(1, 3, 1, 1), persistent=False)
        self.register_state_dict_post_hook(_without_net)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_with_net)  # type: ignore[no-untyped-call]
        self._check_map(image_size)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """uint8 RGB images, N×3×H×W, to maps, of resnet18 and vgg16 N×512×(H/32)×(W/32)."""
        return self.maps(self.normalize(images_NCHW))

    def normalize(self, images_NCHW: Tensor) -> Tensor:
        """uint8 RGB images as the convolutions expect them."""
        return (images_NCHW - self.mean) / self.std

    def maps(self, inputs_NCHW: Tensor) -> Tensor:
        """The maps of inputs that are normalized already."""
        found: Tensor = getattr(self.net, self._maps)(inputs_NCHW)
        return found

    @torch.no_grad()
    def flat_size(self, image_size: int) -> int:
        """Values of the map of such an image. In evaluation mode, so that no running mean sees the blank one."""
        blank = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8)
        training = self.training
        size = self.eval()(blank).numel()
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


def _of_torchvision(name: str) -> Parts:
    if name.startswith("vgg"):
        # On `meta` nothing is allocated: the classifier of VGG16, which is dropped, is most of its weight.
        with torch.device("meta"):
            whole = _build_torchvision(name)
        net = _up_to_the_map(whole).to_empty(device="cpu").apply(initialize)
    else:
        whole = _build_torchvision(name)
        net = _up_to_the_map(whole)
    classifier = [part for part, module in whole.named_children() if part in HEADS and list(module.parameters())]
    return Parts(net, "forward", classifier, RGB_MEAN, RGB_STD)


def _build_torchvision(name: str) -> nn.Module:
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise SettingsError(
            f"The trunk {name!r} is no network of torchvision (torchvision.models.list_models() lists them); "
            f"one of timm is {TIMM}NAME."
        )
    network: nn.Module = torchvision.models.get_model(name, weights=None)
    return network


def _up_to_the_map(network: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, part) for name, part in network.named_children() if name not in HEADS))


def _of_timm(name: str, image_size: int) -> Parts:
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ModuleNotFoundError as error:
        raise SettingsError(f"The trunk {TIMM}{name} needs the package timm: pip install timm.") from error
    if not timm.is_model(name):
        raise SettingsError(f"The trunk {TIMM}{name} is no network of timm: timm.list_models() lists them.")
    about: Any = timm.get_pretrained_cfg(name) or timm.create_model(name).pretrained_cfg
    sized: dict[str, Any] = {"img_size": image_size} if about.fixed_input_size else {}
    net: Any = timm.create_model(name, pretrained=False, num_classes=0, **sized).eval()
    with torch.no_grad():
        is_map = net.forward_features(torch.zeros(1, 3, image_size, image_size)).ndim == 4
    config = resolve_model_data_config(net)  # type: ignore[no-untyped-call]
    classifier = about.classifier or "head"
    return Parts(
        net.train(),
        "forward_features" if is_map else "forward",
        [classifier] if isinstance(classifier, str) else list(classifier),
        config["mean"],
        config["std"],
    )


def _without_net(trunk: nn.Module, state: dict[str, Any], prefix: str, _: object) -> None:
    """The state under the library's names."""
    inner = f"{prefix}net."
    for name in [name for name in state if name.startswith(inner)]:
        state[prefix + name.removeprefix(inner)] = state.pop(name)


def _with_net(trunk: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """The library's names as this module has them."""
    for name in [name for name in state if name.startswith(prefix)]:
        state[f"{prefix}net.{name.removeprefix(prefix)}"] = state.pop(name)


def initialize(part: nn.Module) -> None:
    """Weights for a network that starts from nothing: in the trunk (He et al.) the signal keeps its size through ReLUs.

    The head begins smaller. The cosine forgets lengths, so a small weight turns faster under the same learning rate.
    """
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(part, (nn.Linear, nn.BatchNorm2d)):
        part.reset_parameters()
    if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
        nn.init.zeros_(part.bias)
