"""Which extra installs which modules, read from the metadata of the installed package."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, requires
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

PACKAGE = "affinity-graph"
EXTRAS = ("graphdb", "ingest", "api", "trainer", "networks", "ray", "tensorboard")
"""Each has the name of the package that needs it, or of what the package does with it."""
IMPORTED_AS = {
    "faiss-cpu": "faiss",
    "faiss-gpu": "faiss",
    # Part of the driver; it is not imported by its own name.
    "neo4j-rust-ext": "neo4j",
    "opencv-contrib-python-headless": "cv2",
    "pillow": "PIL",
    "scikit-image": "skimage",
}
"""Modules with another name than their distribution. All others differ only in dashes and underscores."""

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,-]+)\])?[^;]*;.*\bextra == ['\"](?P<extra>\w+)['\"]")


@cache
def modules(extra: str) -> frozenset[str]:
    """The modules that an extra installs, with those of the extras inside it."""
    found: set[str] = set()
    for name, inner in requirements(extra):
        if name == PACKAGE:
            found.update(*(modules(part) for part in inner))
        else:
            found.add(IMPORTED_AS.get(name, name.replace("-", "_")))
    return frozenset(found)


def requirements(extra: str) -> Iterator[tuple[str, list[str]]]:
    """The distributions that an extra requires, each with its own extras."""
    try:
        lines = requires(PACKAGE) or []
    except PackageNotFoundError:  # Run from a checkout that is not installed.
        return
    for line in lines:
        match = REQUIREMENT.match(line)
        if match and match["extra"] == extra:
            yield match["name"].lower(), (match["extras"] or "").split(",")


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed. Imports nothing."""
    return sorted(name for name in modules(extra) if find_spec(name) is None)


def pip_line(extra: str) -> str:
    """The pip command for an extra: from the checkout of an editable install, else by the package's name."""
    folder = checkout()
    return f'pip install -e "{folder}[{extra}]"' if folder else f'pip install "{PACKAGE}[{extra}]"'


def checkout() -> str | None:
    """The folder of an editable install; None for another install."""
    try:
        origin = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    return unquote(urlsplit(origin["url"]).path) if origin.get("dir_info", {}).get("editable") else None
