"""A trunk outside the trainer: a file with the library's names, and a JSON card that says what they are."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torchvision
from torch import Tensor

from foundation.files import atomic_write
from trainer.errors import WeightsError
from trainer.models.provenance import code_revision, code_version
from trainer.models.trunk import TIMM, Trunk


def save_trunk(trunk: Trunk, path: Path, about: Mapping[str, Any]) -> None:
    """Write `path` (.safetensors) and the card beside it (.json).

    `about` says how the weights were trained: the run's `settings`, its `steps`, and what else readers should know.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trunk.state_dict().items()}
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(tensors))
    write_card(path, make_card(trunk, about))


def make_card(trunk: Trunk, about: Mapping[str, Any]) -> dict[str, Any]:
    """What readers of a trunk's weights need to know."""
    settings = about["settings"]
    return {
        "library": trunk.library,
        "architecture": trunk.name,
        # Put an Identity in this part's place, and the file loads with strict=True.
        "without": trunk.classifier[0] if trunk.classifier else None,
        # An image is RGB in [0, 1]; subtract the mean, divide by the std.
        "input": {
            "size": settings["image_size"],
            "mean": [round(value / 255, 6) for value in trunk.mean.flatten().tolist()],
            "std": [round(value / 255, 6) for value in trunk.std.flatten().tolist()],
        },
        "objective": settings.get("objective"),
        "snapshot": settings.get("snapshot"),
        "versions": versions(),
        **about,
    }


@cache
def versions() -> Mapping[str, str | None]:
    """Of this code, as it was when it was first asked for, and of what it stands on."""
    return {
        "affinity-graph": code_version(),
        "revision": code_revision(),
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
    }


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write the card of a file of weights."""
    with atomic_write(path.with_suffix(".json")) as file:
        file.write(json.dumps(card, indent=2).encode() + b"\n")


def read_card(path: Path) -> dict[str, Any]:
    """The card of a file of weights. Raises WeightsError."""
    try:
        card: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
        card["architecture"], card["library"], card["input"]["size"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"The card {path.with_suffix('.json')} of the weights cannot be read: {error}.") from error
    return card


def load_trunk(path: Path) -> tuple[Trunk, dict[str, Any]]:
    """A trunk that `save_trunk` wrote, and its card. Raises WeightsError."""
    card = read_card(path)
    prefix = TIMM if card["library"] == "timm" else ""
    trunk = Trunk(prefix + card["architecture"], card["input"]["size"])
    initialize_trunk(trunk, path)
    return trunk, card


def initialize_trunk(trunk: Trunk, path: Path) -> None:
    """Fill the trunk from a file: safetensors, or a state dict of torch; a classifier in it is left out.

    Raises WeightsError where a name or a shape of the rest is not the trunk's.
    """
    classifier = tuple(f"{part}." for part in trunk.classifier)
    tensors = {name: tensor for name, tensor in read_weights(path).items() if not name.startswith(classifier)}
    try:
        trunk.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"The weights in {path} are not those of {trunk.architecture}: {error}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """Names to tensors. Raises WeightsError."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise WeightsError(f"The weights {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} is no state dict: it does not map names to tensors.")
    return content
