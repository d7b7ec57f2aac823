"""Load extractors by name."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from foundation.settings import invalid
from ingest.errors import MissingPackage, UnknownExtractor
from ingest.features.base import Extractor
from ingest.settings import BESIDE, ExtractorSpec

KNOWN = ("hog", "trunk:FILE", "torchvision:NAME", "timm:NAME", "hog+ before any of these three")
"""What users can ask for."""
NETWORKS = ("trunk", "torchvision", "timm")
"""Sources of networks: the part of the name before the colon."""


def load_extractor(spec: ExtractorSpec) -> Extractor:
    """Load the extractor of a spec.

    Raises UnknownExtractor, MissingPackage, SettingsError, and the WeightsError of the trainer.
    """
    from ingest.features.concatenated import ConcatenatedExtractor
    from ingest.features.grayscale import GrayscaleExtractor
    from ingest.features.hog import HogExtractor

    if spec.crops not in (None, "gray", "color"):
        raise invalid("crops", spec.crops, "gray or color")
    source, _, name = spec.features.partition(":")
    extractor: Extractor
    if spec.features == "hog":
        if spec.weights:
            raise invalid("weights", str(spec.weights), "left out with hog, which has none")
        extractor = HogExtractor()
    elif name and source.startswith(BESIDE) and source.removeprefix(BESIDE) in NETWORKS:
        hog = load_extractor(replace(spec, features="hog", weights=None))
        network = load_extractor(replace(spec, features=spec.features.removeprefix(BESIDE)))
        return ConcatenatedExtractor((hog, network))
    elif name and source in NETWORKS:
        extractor = _load_network(source, name, spec.weights)
    else:
        raise UnknownExtractor(spec.features, KNOWN)
    gray = spec.crops == "gray" or (spec.crops is None and spec.features != "hog")
    return GrayscaleExtractor(extractor) if gray else extractor


def _load_network(source: str, name: str, weights: Path | None) -> Extractor:
    for package in ("torch", "torchvision", "safetensors", *(["timm"] if source == "timm" else [])):
        _require_package(package, f"{source}:{name}")
    from ingest.features import networks

    match source:
        case "trunk":
            if weights:
                raise invalid("weights", str(weights), "left out with trunk:FILE, which is a file of weights")
            return networks.trunk(Path(name))
        case "torchvision":
            return networks.of_torchvision(name, weights)
        case _:
            return networks.of_timm(name, weights)


def _require_package(package: str, extractor: str) -> None:
    """Raise MissingPackage if a package is not installed."""
    if find_spec(package) is None:
        raise MissingPackage(package, extractor)


@lru_cache(maxsize=1)
def cached_extractor(spec: ExtractorSpec) -> Extractor:
    """Load an extractor, or return the one of the worker's previous task if its spec is the same."""
    return load_extractor(spec)
