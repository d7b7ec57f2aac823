"""The objectives by name: the settings that each one reads, and the class that implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.settings import TrainSettings

if TYPE_CHECKING:
    from trainer.data.triplets import TripletSource
    from trainer.models.siamese import Model
    from trainer.objectives.base import Objective

GRAPH = frozenset({"snapshot", "mix", "negatives"})
"""Settings of the objectives that train on a snapshot's pairs."""
RANKING = GRAPH | {
    *("augment", "decode", "head", "loss", "margin", "symmetric"),
    *("negative_mining", "num_negatives", "temperature", "queue"),
}
"""Settings of the ranking objectives."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveSpec:
    """What is known of an objective without importing it."""

    implementation: str
    """Its class, as `module:Name`."""
    reads: frozenset[str]
    """The settings that it reads beside those that every objective reads."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Its defaults where they differ from the common ones. A setting that it does not read keeps this value."""
    embeds: bool
    """Whether its model maps images to embeddings, so that distances can be measured."""

    def implementation_class(self) -> type[Objective]:
        """Import the class."""
        module, _, name = self.implementation.partition(":")
        implementation: type[Objective] = getattr(import_module(module), name)
        return implementation


OBJECTIVES: dict[str, ObjectiveSpec] = {
    "transitive": ObjectiveSpec(implementation="trainer.objectives.ranking:Ranking", reads=RANKING, embeds=True),
    "tracking": ObjectiveSpec(
        implementation="trainer.objectives.ranking:Ranking",
        reads=RANKING - {"mix"},
        defaults={"mix": "intra:1"},
        embeds=True,
    ),
    "multitask": ObjectiveSpec(
        implementation="trainer.objectives.multitask:MultiTask",
        reads=RANKING - {"mix"},
        defaults={"mix": "intra:1"},
        embeds=True,
    ),
    "context": ObjectiveSpec(
        implementation="trainer.objectives.context:Context",
        reads=frozenset({"snapshot", "images", "head"}),
        embeds=False,
    ),
    "supervised": ObjectiveSpec(
        implementation="trainer.objectives.supervised:Supervised",
        reads=frozenset({"images", "head", "augment"}),
        embeds=False,
    ),
}
"""By the name that `--objective` takes."""


def unused_settings(objective: str) -> frozenset[str]:
    """The settings that other objectives read, and this one does not."""
    return frozenset().union(*(spec.reads for spec in OBJECTIVES.values())) - OBJECTIVES[objective].reads


def make_objective(settings: TrainSettings, source: TripletSource) -> Objective:
    """Make the objective of the settings."""
    return OBJECTIVES[settings.objective].implementation_class()(settings, source)


def build_model(settings: TrainSettings) -> Model:
    """Build the model as a run begins with it. The seed decides the weights that no file gives."""
    import torch

    from trainer.models.weights import load_weights

    torch.manual_seed(settings.seed)
    model = OBJECTIVES[settings.objective].implementation_class().build(settings)
    if settings.init:
        load_weights(model.trunk, Path(settings.init))
    return model
