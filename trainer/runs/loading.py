"""Loading of the network that a name means (a run, a checkpoint, a trunk), and of the same network untrained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.errors import SettingsError
from foundation.settings import from_stored
from trainer.errors import RunError, WeightsError
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
    """The whole model; None if only a trunk was saved."""
    steps: int
    card: Mapping[str, Any] = field(default_factory=dict)
    """The card of the trunk; empty if the card is missing or of another step."""

    def embedding_model(self) -> Model:
        """The model that maps images to embeddings. Raises RunError if there is none."""
        if self.model is None or not OBJECTIVES[self.settings.objective].embeds:
            raise RunError(f"{self.name} has no embedding. Name a run or a checkpoint (.pt) of one that ranks pairs.")
        return self.model

    def context_model(self) -> Model:
        """The model that predicts the places of patches. Raises RunError if it was not trained for that."""
        if self.settings.objective != "context" or self.model is None:
            raise RunError(f"{self.name} does not predict context. Name a run or a checkpoint (.pt) that does.")
        return self.model


def load_network(name: str, runs: Path) -> LoadedNetwork:
    """Load the network of a run (by name or folder), a checkpoint (.pt) or a trunk (.safetensors).

    Raises RunError if nothing has this name.
    """
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
    raise RunError(
        f"{name!r} is neither a run in {runs}, nor a checkpoint (.pt), nor a trunk (.safetensors). "
        "`affinity train --run NAME` makes a run."
    )


def untrained(settings: TrainSettings) -> LoadedNetwork:
    """Build the network as a run with these settings would begin, without a file of initial weights."""
    with torch.random.fork_rng(devices=[]):
        model = build_model(replace(settings, init=None)).eval()
    return LoadedNetwork("random", settings, model.exported_trunk(), model, 0)


def trunk_weights(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select the trunk's part of a model's state dict."""
    return {name.removeprefix("trunk."): tensor for name, tensor in model.items() if name.startswith("trunk.")}


def _load_checkpoint(name: str, content: checkpoint.Checkpoint) -> LoadedNetwork:
    settings = from_stored(TrainSettings, content["settings"])
    try:
        model = OBJECTIVES[settings.objective].implementation_class().build(settings).eval()
    except SettingsError:
        # The folder that gives the number of classes is not on this machine. The trunk does not depend on it.
        trunk = Trunk(settings.trunk, settings.image_size)
        trunk.load_state_dict(trunk_weights(content["model"]))
        return LoadedNetwork(name, settings, trunk.eval(), None, content["step"])
    model.load_state_dict(content["model"])
    return LoadedNetwork(name, settings, model.exported_trunk(), model, content["step"])


def _load_trunk_file(path: Path) -> LoadedNetwork:
    trunk, card = load_trunk(path)
    trunk.eval()
    settings = from_stored(TrainSettings, card["settings"])
    return LoadedNetwork(path.stem, settings, trunk, None, card["steps"], card)


def _card(folder: Path, step: int) -> Mapping[str, Any]:
    try:
        card = read_card(folder / "trunk.safetensors")
    except WeightsError:
        return {}
    return card if card.get("steps") == step else {}
