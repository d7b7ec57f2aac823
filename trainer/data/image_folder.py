"""A folder of images in a seeded order, for the objectives that need no graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundation.errors import SettingsError

SUFFIXES = (".jpg", ".jpeg", ".png")
ID_BYTES = 8

# N = images


@dataclass(frozen=True)
class ImageFolder:
    """N images in the order of their paths. `labels_N` indexes `classes`, the names of their folders."""

    root: Path
    paths: Sequence[Path]
    classes: Sequence[str]
    labels_N: NDArray[np.int64]

    @classmethod
    def read(cls, root: Path) -> ImageFolder:
        """List all images below a folder. Raises SettingsError if there are none."""
        paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if not paths:
            raise SettingsError(f"The setting images names {root}, where there is no image ({', '.join(SUFFIXES)}).")
        names = [path.parent.relative_to(root).as_posix() for path in paths]
        classes = sorted(set(names))
        labels = {name: label for label, name in enumerate(classes)}
        return cls(root, paths, classes, np.array([labels[name] for name in names]))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def id(self) -> str:
        """16 hex digits over the names and sizes of the files: it changes when the images do."""
        lines = (f"{path.relative_to(self.root).as_posix()} {path.stat().st_size}\n" for path in self.paths)
        return blake2b("".join(lines).encode(), digest_size=ID_BYTES).hexdigest()

    def indices_at(self, seed: int, positions: Sequence[int]) -> list[int]:
        """Index the image at each position of the endless order: pass after pass over all images, each permuted."""
        places = (divmod(position, len(self)) for position in positions)
        return [int(_permutation(len(self), seed, number)[index]) for number, index in places]


@lru_cache(maxsize=4)
def _permutation(size: int, seed: int, pass_number: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, pass_number)).permutation(size)
