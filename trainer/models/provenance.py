"""Which version of this code made a file."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path


def code_revision() -> str | None:
    """The commit of the checkout that this code runs from, `-dirty` where files were changed; None outside of one."""
    here = Path(__file__)
    try:
        # A package that was installed under a checkout of something else is no part of it.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None


def code_version() -> str:
    """The version of the installed package."""
    return version("affinity-graph")


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
