"""Run Python without some modules, as if an extra were not installed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

SITE = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {hidden!r}


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)


sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def without(modules: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the environment of a process that does not find these modules. Writes a file to `folder`."""
    (folder / "sitecustomize.py").write_text(SITE.format(hidden=sorted(modules)))
    return os.environ | {"PYTHONPATH": str(folder)}
