"""Files of weights, read strictly: what does not fit the network is named, and nothing is loaded in part."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ingest.errors import MissingPackage, UnreadableWeights, WrongWeights

SHOWN = 4
"""Names that a message lists of each kind of misfit."""
_COUNTER = ".num_batches_tracked"
"""Of a normalization; older files do not have it, and nothing here asks for it."""


def weights_digest(path: Path) -> str:
    """16 hex digits over the file's bytes. Raises UnreadableWeights."""
    hash = blake2b(digest_size=8)
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                hash.update(chunk)
    except OSError as error:
        raise UnreadableWeights(path, error.strerror or str(error)) from error
    return hash.hexdigest()


def read_card(path: Path) -> dict[str, Any]:
    """The JSON card beside a trunk that the trainer wrote. Raises UnreadableWeights."""
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text())
        known = {name: card[name] for name in ("library", "architecture", "without", "input")}
        if known["library"] not in ("torchvision", "timm") or not {"size", "mean", "std"} <= set(known["input"]):
            raise ValueError("it is not a card that `affinity train` writes")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise UnreadableWeights(card_path, reason) from error
    return known


def read_weights(path: Path) -> dict[str, Tensor]:
    """Names to tensors, of safetensors or of a state dict that torch saved; floats in single precision, as crops are.

    Raises UnreadableWeights.
    """
    try:
        if path.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise UnreadableWeights(path, str(error)) from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UnreadableWeights(path, "it is no state dict, which maps names to tensors")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in content.items()}


def fill(network: nn.Module, architecture: str, path: Path, dropped: tuple[str, ...]) -> None:
    """Load all of the network's weights from the file; what the file has of `dropped` parts is passed over.

    Raises UnreadableWeights, and WrongWeights where anything is missing, too much or of another shape.
    """
    own = network.state_dict()
    tensors = {name: torch.zeros((), dtype=tensor.dtype) for name, tensor in own.items() if name.endswith(_COUNTER)}
    tensors |= {name: tensor for name, tensor in read_weights(path).items() if name.partition(".")[0] not in dropped}
    if misfit := _misfit(own, tensors):
        raise WrongWeights(path, architecture, misfit)
    network.load_state_dict(tensors, assign=True)


def _misfit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    shapes = [
        f"{name} ({'×'.join(map(str, found[name].shape))}, not {'×'.join(map(str, tensor.shape))})"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    kinds = {
        "missing": [name for name in wanted if name not in found],
        "not of this network": [name for name in found if name not in wanted],
        "of another shape": shapes,
    }
    return "; ".join(f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def needed(package: str, extractor: str) -> None:
    """Raises MissingPackage if it is not installed."""
    if find_spec(package) is None:
        raise MissingPackage(package, extractor)
