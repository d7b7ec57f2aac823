"""What an extractor is, and how one is asked for by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.errors import SettingsError, UnknownExtractor

KNOWN = ("hog", "trunk:FILE", "torchvision:NAME", "timm:NAME", "hog+ before any of these three")
NETWORKS = ("trunk", "torchvision", "timm")
BESIDE = "hog+"
"""Before the name of a network: HOG and the network side by side."""


class Extractor(Protocol):
    """What clustering needs to know of a feature."""

    @property
    def name(self) -> str: ...

    @property
    def dims(self) -> int: ...

    @property
    def digest(self) -> str:
        """16 hex digits over name, version and parameters: equal digests mean equal features."""

    @property
    def whiten(self) -> int:
        """Dimensions that its features are whitened to where the settings leave it open; 0: not at all."""

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×S×S×3 RGB crops to N×dims rows of unit length; a crop without content gives a row of zeros."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An extractor as it was asked for: small, so that a worker that is handed it loads its own."""

    features: str = "hog"
    """One of KNOWN."""

    weights: Path | None = None
    """File of a network's weights; None: random ones, from a fixed seed."""

    crops: Literal["gray", "color"] | None = None
    """What the extractor sees; None: gray crops for networks, color for hog."""

    @property
    def files(self) -> list[Path]:
        """The files of weights that whoever loads it must see."""
        kind, _, name = self.features.removeprefix(BESIDE).partition(":")
        return [Path(name)] if kind == "trunk" else [self.weights] if self.weights else []

    def as_json(self) -> dict[str, str | None]:
        """What `Recipe.of` makes one of again, wherever a later command stands."""
        beside, kind, name = self.features.rpartition("trunk:")
        features = f"{beside}{kind}{Path(name).absolute()}" if kind else name
        weights = str(self.weights.absolute()) if self.weights else None
        return {"features": features, "weights": weights, "crops": self.crops}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Recipe:
        return cls(**kept | {"weights": Path(kept["weights"]) if kept.get("weights") else None})


def load_extractor(recipe: Recipe) -> Extractor:
    """The extractor that was asked for.

    Raises UnknownExtractor, MissingPackage, UnreadableWeights, WrongWeights and SettingsError.
    """
    from ingest.features.grayscale import GrayCrops
    from ingest.features.hog import HogExtractor
    from ingest.features.concatenated import JoinedExtractor

    if recipe.crops not in (None, "gray", "color"):
        raise SettingsError("crops", recipe.crops, "gray or color")
    kind, _, name = recipe.features.partition(":")
    extractor: Extractor
    if recipe.features == "hog":
        if recipe.weights:
            raise SettingsError("weights", str(recipe.weights), "left out with hog, which has none")
        extractor = HogExtractor()
    elif name and kind.startswith(BESIDE) and kind.removeprefix(BESIDE) in NETWORKS:
        network = replace(recipe, features=recipe.features.removeprefix(BESIDE))
        return JoinedExtractor((load_extractor(replace(recipe, features="hog", weights=None)), load_extractor(network)))
    elif name and kind in NETWORKS:
        extractor = _network(kind, name, recipe.weights)
    else:
        raise UnknownExtractor(recipe.features, KNOWN)
    gray = recipe.crops == "gray" or (recipe.crops is None and recipe.features != "hog")
    return GrayCrops(extractor) if gray else extractor


def _network(kind: str, name: str, weights: Path | None) -> Extractor:
    from ingest.features.packages import needed

    for package in ("torch", "torchvision", "safetensors", *(["timm"] if kind == "timm" else [])):
        needed(package, f"{kind}:{name}")
    from ingest.features import networks

    match kind:
        case "trunk":
            if weights:
                raise SettingsError("weights", str(weights), "left out with trunk:FILE, which is a file of weights")
            return networks.trunk(Path(name))
        case "torchvision":
            return networks.of_torchvision(name, weights)
        case _:
            return networks.of_timm(name, weights)


def normalize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit length; a row without length stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return units
