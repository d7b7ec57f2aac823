"""Which extra brings a module: told by the metadata of the installed package."""

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
"""Each is named after the room that it is for, or after what a room does with it."""
IMPORTED_AS = {
    "faiss-cpu": "faiss",
    "faiss-gpu": "faiss",
    # Makes the driver faster from inside, and is not imported itself.
    "neo4j-rust-ext": "neo4j",
    "opencv-contrib-python-headless": "cv2",
    "pillow": "PIL",
    "scikit-image": "skimage",
}
"""Modules that are called otherwise than their distribution; every other is the same but for dashes."""

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,-]+)\])?[^;]*;.*\bextra == ['\"](?P<extra>\w+)['\"]")


@cache
def modules(extra: str) -> frozenset[str]:
    """The modules that an extra brings, those of the extras in it included."""
    found: set[str] = set()
    for name, inner in requirements(extra):
        if name == PACKAGE:
            found.update(*(modules(part) for part in inner))
        else:
            found.add(IMPORTED_AS.get(name, name.replace("-", "_")))
    return frozenset(found)


def requirements(extra: str) -> Iterator[tuple[str, list[str]]]:
    """Distributions that an extra asks for, and which of their own extras."""
    try:
        lines = requires(PACKAGE) or []
    except PackageNotFoundError:  # run from a folder that nobody installed
        return
    for line in lines:
        match = REQUIREMENT.match(line)
        if match and match["extra"] == extra:
            yield match["name"].lower(), (match["extras"] or "").split(",")


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed; nothing is imported to know."""
    return sorted(name for name in modules(extra) if find_spec(name) is None)


def pip_line(extra: str) -> str:
    """What installs an extra: from the checkout where the package is one in place, else by name."""
    folder = checkout()
    return f'pip install -e "{folder}[{extra}]"' if folder else f'pip install "{PACKAGE}[{extra}]"'


def checkout() -> str | None:
    """The folder that an editable install runs from."""
    try:
        origin = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    return unquote(urlsplit(origin["url"]).path) if origin.get("dir_info", {}).get("editable") else None
