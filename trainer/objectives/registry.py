"""The objectives by name: what each one reads, and the class that implements it. Imports no torch by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from trainer.models.siamese import Model
from trainer.models.weights import initialize_trunk
from trainer.settings import TrainSettings

if TYPE_CHECKING:
    from trainer.objectives.base import Objective


def build_model(settings: TrainSettings) -> Model:
    """The network as a run begins with it; its seed decides the weights that no file gives."""
    torch.manual_seed(settings.seed)
    model = OBJECTIVES[settings.objective].load().build(settings)
    if settings.init:
        initialize_trunk(model.trunk, Path(settings.init))
    return model


GRAPH = frozenset({"snapshot", "mix", "negatives"})


RANKING = GRAPH | {
    *(
        "augment",
        "decode",
        "head",
        "loss",
        "margin",
        "symmetric",
        "negative_mining",
        "num_negatives",
        "temperature",
        "queue",
    )
}


@dataclass(frozen=True, kw_only=True)
class ObjectiveSpec:
    """One objective, before it has settings."""

    implementation: str
    """Its class, as `module:Name`; imported when it is needed."""
    reads: frozenset[str]
    """The settings that it reads beside those that every objective does."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings that it begins with instead of the defaults; those it does not read are kept there."""
    embeds: bool
    """Whether its model maps images to embeddings, so that distances can be measured."""

    def load(self) -> type[Objective]:
        module, _, name = self.implementation.partition(":")
        loaded: type[Objective] = getattr(import_module(module), name)
        return loaded


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


def unread(objective: str) -> frozenset[str]:
    """The settings that other objectives read, and this one does not."""
    return frozenset().union(*(kind.reads for kind in OBJECTIVES.values())) - OBJECTIVES[objective].reads
