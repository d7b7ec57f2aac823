"""Weights of a trunk in a file: tensors under the library's names, and a JSON card beside it that describes them.

Files are read strictly: a message names what does not fit the network, and nothing is loaded in part.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from foundation.files import atomic_write
from trainer.errors import WeightsError
from trainer.models.provenance import versions
from trainer.models.trunk import TIMM, Trunk

MAX_NAMES = 4
"""Names that a message lists of each kind of mismatch."""
COUNTER = ".num_batches_tracked"
"""Ends the names of batch normalization's counters. Older files do not have them, and nothing here reads them."""
CHUNK = 1 << 20
"""Bytes of a file that are read at a time."""


def save_trunk(trunk: Trunk, path: Path, about: Mapping[str, Any]) -> None:
    """Write the weights to `path` (.safetensors) and the card beside it (.json).

    `about` says how the weights were trained: the run's `settings`, its `steps`, and other facts for the card.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trunk.state_dict().items()}
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(tensors))
    write_card(path, make_card(trunk, about))


def make_card(trunk: Trunk, about: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a trunk's weights for their users."""
    settings = about["settings"]
    return {
        "library": trunk.library,
        "architecture": trunk.name,
        # Put an Identity in the place of this part, and the file loads with strict=True.
        "without": trunk.removed[0] if trunk.removed else None,
        # An image is RGB in [0, 1]: subtract the mean, divide by the std.
        "input": {
            "size": settings["image_size"],
            "mean": [round(value, 6) for value in trunk.rgb_mean],
            "std": [round(value, 6) for value in trunk.rgb_std],
        },
        "objective": settings.get("objective"),
        "snapshot": settings.get("snapshot"),
        "versions": versions(),
        **about,
    }


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write the card of a file of weights."""
    with atomic_write(path.with_suffix(".json")) as file:
        file.write(json.dumps(card, indent=2).encode() + b"\n")


def read_card(path: Path) -> dict[str, Any]:
    """Read the card of a file of weights. Raises WeightsError."""
    card_path = path.with_suffix(".json")
    try:
        card: dict[str, Any] = json.loads(card_path.read_text())
        if card["library"] not in ("torchvision", "timm"):
            raise ValueError(f"its library is {card['library']!r}, not torchvision or timm")
        card["architecture"], card["input"]["size"], card["input"]["mean"], card["input"]["std"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(
            f"The card {card_path} of the weights cannot be read: {reason}. Name a .safetensors file that "
            "`affinity train` or `affinity export-weights` wrote, and keep its .json beside it."
        ) from error
    return card


def load_trunk(path: Path) -> tuple[Trunk, dict[str, Any]]:
    """Load a trunk and its card, as `save_trunk` wrote them. Raises WeightsError."""
    card = read_card(path)
    prefix = TIMM if card["library"] == "timm" else ""
    trunk = Trunk(prefix + card["architecture"], card["input"]["size"])
    load_weights(trunk, path)
    return trunk, card


def load_weights(trunk: Trunk, path: Path) -> None:
    """Fill the trunk from a file (see `read_weights`). A classifier in the file is ignored.

    Raises WeightsError if the file cannot be read, or if a name or a shape of the rest is not the trunk's.
    """
    removed = tuple(f"{part}." for part in trunk.removed)
    expected = trunk.state_dict()
    tensors = {name: tensor for name, tensor in expected.items() if name.endswith(COUNTER)}
    tensors |= {name: tensor for name, tensor in read_weights(path).items() if not name.startswith(removed)}
    if mismatch := _mismatch(expected, tensors):
        raise WeightsError(
            f"The weights in {path} are not those of {trunk.architecture}. {mismatch[:1].upper()}{mismatch[1:]}. "
            "Name the file of this network, or the network of this file."
        )
    trunk.load_state_dict(tensors)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read names and tensors from a safetensors file or a state dict of torch. Raises WeightsError."""
    try:
        if path.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise WeightsError(
            f"The weights {path} cannot be read: {error}. Name a .safetensors file or a state dict of torch."
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} is no state dict: it does not map names to tensors. Name another file of weights.")
    return content


def file_digest(path: Path) -> str:
    """Hash the bytes of a file: 16 hex digits. Raises WeightsError if it cannot be read."""
    digest = blake2b(digest_size=8)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def _mismatch(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    shapes = [
        f"{name} ({_shape_text(found[name])}, not {_shape_text(tensor)})"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    kinds = {
        "missing": [name for name in expected if name not in found],
        "not of this network": [name for name in found if name not in expected],
        "of another shape": shapes,
    }
    return "; ".join(f"{kind}: {_list_names(names)}" for kind, names in kinds.items() if names)


def _shape_text(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))


def _list_names(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
