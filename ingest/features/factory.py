"""TODO."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from foundation.settings import invalid
from ingest.errors import UnknownExtractor
from ingest.features.base import Extractor
from ingest.settings import BESIDE, ExtractorSpec

KNOWN = ("hog", "trunk:FILE", "torchvision:NAME", "timm:NAME", "hog+ before any of these three")


NETWORKS = ("trunk", "torchvision", "timm")


def load_extractor(recipe: ExtractorSpec) -> Extractor:
    """The extractor that was asked for.

    Raises UnknownExtractor, MissingPackage, UnreadableWeights, WrongWeights and SettingsError.
    """
    from ingest.features.concatenated import JoinedExtractor
    from ingest.features.grayscale import GrayCrops
    from ingest.features.hog import HogExtractor

    if recipe.crops not in (None, "gray", "color"):
        raise invalid("crops", recipe.crops, "gray or color")
    kind, _, name = recipe.features.partition(":")
    extractor: Extractor
    if recipe.features == "hog":
        if recipe.weights:
            raise invalid("weights", str(recipe.weights), "left out with hog, which has none")
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
    from ingest.features.weights import needed

    for package in ("torch", "torchvision", "safetensors", *(["timm"] if kind == "timm" else [])):
        needed(package, f"{kind}:{name}")
    from ingest.features import networks

    match kind:
        case "trunk":
            if weights:
                raise invalid("weights", str(weights), "left out with trunk:FILE, which is a file of weights")
            return networks.trunk(Path(name))
        case "torchvision":
            return networks.of_torchvision(name, weights)
        case _:
            return networks.of_timm(name, weights)


@lru_cache(maxsize=1)
def cached_extractor(recipe: ExtractorSpec) -> Extractor:
    """`load_extractor`, kept for the next task of a worker."""
    return load_extractor(recipe)
