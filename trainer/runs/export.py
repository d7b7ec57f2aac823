"""`affinity export-weights`: a network's trunk as a plain state dict of its library."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from foundation.files import atomic_write
from foundation.settings import to_stored
from trainer.errors import WeightsError
from trainer.models.trunk import Trunk
from trainer.models.weights import make_card, write_card
from trainer.runs import checkpoint
from trainer.runs.loading import LoadedNetwork, load_network
from trainer.runs.metrics import read_metrics
from trainer.runs.run import Run

SUFFIXES = (".safetensors", ".pth", ".pt")
SEED = 0
"""Seed of the untrained classifier."""


def export_weights(name: str, path: Path, runs: Path, *, trunk_only: bool) -> list[str]:
    """Write the trunk of a run, a checkpoint or a trunk file to `path`, with its card.

    Returns the names of the tensors. The file loads with strict=True into the network that the library builds. For
    torchvision it includes the classifier, with random weights, unless `trunk_only`; for timm it does not
    (num_classes=0). Raises RunError and WeightsError.
    """
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path} has no known ending. Weights are written as {', '.join(SUFFIXES)}.")
    network = load_network(name, runs)
    tensors = {key: tensor.contiguous() for key, tensor in network.trunk.state_dict().items()}
    if not trunk_only and network.trunk.library == "torchvision":
        tensors |= _removed_parts(network.trunk)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        if path.suffix == ".safetensors":
            file.write(safetensors.torch.save(tensors))
        else:
            torch.save(tensors, file)
    write_card(path, make_card(network.trunk, network.card or _training_facts(name, network, runs)))
    return list(tensors)


def _training_facts(name: str, network: LoadedNetwork, runs: Path) -> dict[str, Any]:
    """Describe the training of a checkpoint without a card, from the checkpoint and the metrics of its run.

    `pairs` is None if the metrics are not complete.
    """
    path = Path(name)
    if not path.is_file():
        paths = (checkpoint.path_at(folder, network.steps) for folder in (runs / name, path))
        path = next(filter(Path.exists, paths))
    run = Run(path.resolve().parent)
    lines = [line for line in read_metrics(run.metrics_file) if line.step <= network.steps]
    pairs = sum((Counter(line.pairs) for line in lines), Counter[str]())
    return {
        "run": run.name,
        "steps": network.steps,
        "pairs": dict(pairs) if len(lines) == network.steps else None,
        "settings": to_stored(network.settings),
        # The versions of the code that trained, not of the code that exports.
        "versions": checkpoint.load(path)["versions"],
    }


def _removed_parts(trunk: Trunk) -> dict[str, Tensor]:
    """Draw the weights of the parts that were removed from the trunk, as torchvision draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network: nn.Module = torchvision.models.get_model(trunk.name, weights=None)
    prefixes = tuple(f"{part}." for part in trunk.removed)
    return {name: tensor.detach() for name, tensor in network.state_dict().items() if name.startswith(prefixes)}
