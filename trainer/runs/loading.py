"""Finding the network that a name means: a run, a checkpoint, a trunk; or the same network untrained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.errors import SettingsError
from foundation.settings import from_stored
from trainer.errors import BenchmarkError, RunNotFound, WeightsError
from trainer.models.siamese import Model
from trainer.models.trunk import Trunk
from trainer.models.weights import load_trunk, read_card
from trainer.objectives.registry import OBJECTIVES, build_model
from trainer.runs import checkpoint
from trainer.settings import TrainSettings


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with its weights, in evaluation mode, and the settings it was trained with."""

    name: str
    settings: TrainSettings
    trunk: Trunk
    model: Model | None
    """The whole of it; None where only a trunk was kept."""
    steps: int
    card: Mapping[str, Any] = field(default_factory=dict)
    """What its training wrote beside its trunk; nothing where that was of another step, or is not there."""

    def embedding(self) -> Model:
        """The network that maps images to embeddings. Raises BenchmarkError where there is none."""
        if self.model is None or not OBJECTIVES[self.settings.objective].embeds:
            raise BenchmarkError(
                f"{self.name} has no embedding. Name a run or a checkpoint (.pt) of one that ranks pairs."
            )
        return self.model

    def context(self) -> Model:
        """The network that tells places of patches. Raises BenchmarkError where it was not trained for that."""
        if self.settings.objective != "context" or self.model is None:
            raise BenchmarkError(f"{self.name} does not predict context. Name a run or a checkpoint (.pt) that does.")
        return self.model


def load_network(name: str, runs: Path) -> LoadedNetwork:
    """The network of a run (by name or folder), a checkpoint (.pt) or a trunk (.safetensors). Raises RunNotFound."""
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file():
        return _load_trunk_file(path)
    if path.suffix == ".pt" and path.is_file():
        return _load_checkpoint(name, checkpoint.load(path))
    for folder in (runs / name, path):
        if folder.is_dir():
            content, _ = checkpoint.load_latest(folder)
            if content is not None:
                return replace(_load_checkpoint(folder.name, content), card=_card(folder, content["step"]))
    raise RunNotFound(name, runs)


def _card(folder: Path, step: int) -> Mapping[str, Any]:
    try:
        card = read_card(folder / "trunk.safetensors")
    except WeightsError:
        return {}
    return card if card.get("steps") == step else {}


def untrained(settings: TrainSettings) -> LoadedNetwork:
    """The network as a run with these settings would begin, had it no weights to begin with."""
    with torch.random.fork_rng(devices=[]):
        model = build_model(replace(settings, init=None)).eval()
    return LoadedNetwork("random", settings, model.exported(), model, 0)


def _load_checkpoint(name: str, content: checkpoint.Checkpoint) -> LoadedNetwork:
    settings = from_stored(TrainSettings, content["settings"])
    try:
        model = OBJECTIVES[settings.objective].load().build(settings).eval()
    except SettingsError:
        # The folder that its classes are of is not here; what they were learned with is.
        trunk = Trunk(settings.trunk, settings.image_size)
        trunk.load_state_dict(trunk_weights(content["model"]))
        return LoadedNetwork(name, settings, trunk.eval(), None, content["step"])
    model.load_state_dict(content["model"])
    return LoadedNetwork(name, settings, model.exported(), model, content["step"])


def trunk_weights(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The trunk's part of a model's state."""
    return {name.removeprefix("trunk."): tensor for name, tensor in model.items() if name.startswith("trunk.")}


def _load_trunk_file(path: Path) -> LoadedNetwork:
    trunk, card = load_trunk(path)
    trunk.eval()
    settings = from_stored(TrainSettings, card["settings"])
    return LoadedNetwork(path.stem, settings, trunk, None, card["steps"], card)
