"""Packages that only some extractors need: looked for before any work is begun."""

from __future__ import annotations

from importlib.util import find_spec

from ingest.errors import MissingPackage


def needed(package: str, extractor: str) -> None:
    """Raises MissingPackage if it is not installed."""
    if find_spec(package) is None:
        raise MissingPackage(package, extractor)
