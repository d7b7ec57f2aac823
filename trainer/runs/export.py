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
"""Of the classifier, which nobody trained."""


def export_weights(name: str, path: Path, runs: Path, *, trunk_only: bool) -> list[str]:
    """Write the trunk of a run, a checkpoint or a trunk to `path`, with its card beside it; the names of its tensors.

    The file loads with strict=True into the network as its library makes it. Of torchvision's the classifier is in it,
    with random weights, unless `trunk_only`; of timm's it is left out (num_classes=0). Raises RunNotFound and
    WeightsError.
    """
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"The weights are written as {', '.join(SUFFIXES)}, by the file's name; {path} is none.")
    network = load_network(name, runs)
    tensors = {key: tensor.contiguous() for key, tensor in network.trunk.state_dict().items()}
    if not trunk_only and network.trunk.library == "torchvision":
        tensors |= _classifier(network.trunk)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        with atomic_write(path) as file:
            file.write(safetensors.torch.save(tensors))
    else:
        with atomic_write(path) as file:
            torch.save(tensors, file)
    write_card(path, make_card(network.trunk, network.card or _about(name, network, runs)))
    return list(tensors)


def _about(name: str, network: LoadedNetwork, runs: Path) -> dict[str, Any]:
    """How a checkpoint without a card was trained, as it and its run's metrics tell; `pairs` is None where none do."""
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
        # Of the code that trained, not of this one.
        "versions": checkpoint.load(path)["versions"],
    }


def _classifier(trunk: Trunk) -> dict[str, Tensor]:
    """The parts that the trunk was made without, as torchvision makes them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        whole: nn.Module = torchvision.models.get_model(trunk.name, weights=None)
    prefixes = tuple(f"{part}." for part in trunk.classifier)
    return {name: tensor.detach() for name, tensor in whole.state_dict().items() if name.startswith(prefixes)}
