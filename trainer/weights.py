"""A trunk outside the trainer: safetensors with the names of torchvision, and a JSON card that says what they are."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torchvision
from torch import Tensor

from trainer.errors import WeightsError
from trainer.files import write_whole
from trainer.model import CLASSIFIER, RGB_MEAN, RGB_STD, Trunk


def save_trunk(trunk: Trunk, path: Path, about: Mapping[str, Any]) -> None:
    """Write `path` (.safetensors) and the card beside it (.json).

    `about` says how the weights were trained: the run's `settings`, its `steps`, and what else readers should know.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trunk.state_dict().items()}
    card = {
        "library": "torchvision",
        "architecture": trunk.architecture,
        # Put an Identity in this part's place, and the file loads with strict=True.
        "without": CLASSIFIER[trunk.architecture],
        # An image is RGB in [0, 1]; subtract the mean, divide by the std.
        "input": {"size": about["settings"]["image_size"], "mean": RGB_MEAN, "std": RGB_STD},
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        **about,
    }
    write_whole(path, lambda file: file.write(safetensors.torch.save(tensors)))
    write_whole(path.with_suffix(".json"), lambda file: file.write(json.dumps(card, indent=2).encode() + b"\n"))


def load_trunk(path: Path) -> tuple[Trunk, dict[str, Any]]:
    """A trunk that `save_trunk` wrote, and its card. Raises WeightsError."""
    try:
        card = json.loads(path.with_suffix(".json").read_text())
        trunk = Trunk(card["architecture"])
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"The card {path.with_suffix('.json')} of the weights cannot be read: {error}.") from error
    initialize_trunk(trunk, path)
    return trunk, card


def initialize_trunk(trunk: Trunk, path: Path) -> None:
    """Fill the trunk from a file: safetensors, or a state dict of torch; a classifier in it is left out.

    Raises WeightsError where a name or a shape of the rest is not the trunk's.
    """
    classifier = CLASSIFIER[trunk.architecture] + "."
    tensors = {name: tensor for name, tensor in _read(path).items() if not name.startswith(classifier)}
    try:
        trunk.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"The weights in {path} are not those of {trunk.architecture}: {error}") from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise WeightsError(f"The weights {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} is no state dict: it does not map names to tensors.")
    return content
