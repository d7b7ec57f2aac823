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


@dataclass(frozen=True)
class ImageFolder:
    """N images in the order of their paths; `labels_N` indexes `classes`, the folders that they lie in."""

    root: Path
    paths: Sequence[Path]
    classes: Sequence[str]
    labels_N: NDArray[np.int64]

    @classmethod
    def read(cls, root: Path) -> ImageFolder:
        """All images below a folder. Raises SettingsError where there is none."""
        paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if not paths:
            raise SettingsError(f"The setting images names {root}, where there is no image ({', '.join(SUFFIXES)}).")
        names = [path.parent.relative_to(root).as_posix() for path in paths]
        classes = sorted(set(names))
        number = {name: index for index, name in enumerate(classes)}
        return cls(root, paths, classes, np.array([number[name] for name in names]))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def id(self) -> str:
        """Another where an image was added, lost, renamed or has another size: 16 hex digits."""
        said = (f"{path.relative_to(self.root).as_posix()} {path.stat().st_size}\n" for path in self.paths)
        return blake2b("".join(said).encode(), digest_size=ID_BYTES).hexdigest()

    def at(self, seed: int, positions: Sequence[int]) -> list[int]:
        """Which image stands at each position of an endless order of permuted passes over all of them."""
        places = (divmod(position, len(self)) for position in positions)
        return [int(_permutation(len(self), seed, number)[index]) for number, index in places]


@lru_cache(maxsize=4)
def _permutation(size: int, seed: int, number: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, number)).permutation(size)
