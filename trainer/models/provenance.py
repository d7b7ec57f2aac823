"""Which versions of the code made a file."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch
import torchvision


@cache
def versions() -> Mapping[str, str | None]:
    """The versions of this code, of torch and of torchvision. Computed once a process, at the first call."""
    return {
        "affinity-graph": version("affinity-graph"),
        "revision": code_revision(),
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
    }


def code_revision() -> str | None:
    """The git commit that this code runs from, with `-dirty` if files were changed; None outside of a checkout."""
    here = Path(__file__)
    try:
        # The package may be installed inside a checkout of something else: then git does not know this file.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
