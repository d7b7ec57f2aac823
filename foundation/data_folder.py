"""The data folder, and where it lies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from foundation.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One store: the local server, the pixels, the views, the features, the fits and the runs."""

    root: Path

    @classmethod
    def resolve(cls, data: Path | None = None) -> DataFolder:
        """The folder of `--data`, else of AFFINITY_DATA, else the platform's; made if missing.

        Raises SettingsError where it cannot be made.
        """
        root = data_root(data)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"The data folder {root} cannot be made ({error.strerror}). "
                "Choose one that you can write to with --data or AFFINITY_DATA."
            ) from error
        return cls(root)

    @property
    def neo4j(self) -> Path:
        return self.root / "neo4j"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def fits(self) -> Path:
        return self.root / "fits"

    @property
    def views(self) -> Path:
        return self.root / "views"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def keys_file(self) -> Path:
        """Digests of the keys that open the service."""
        return self.root / "keys.json"

    @property
    def store_file(self) -> Path:
        """Holds the id that the graph carries too: pixels and pointers belong together."""
        return self.root / "store"


def data_root(data: Path | None) -> Path:
    """Where the data folder is, or would be made."""
    root = data or Path(os.environ.get("AFFINITY_DATA") or platformdirs.user_data_path("affinity-graph"))
    return root.expanduser().absolute()
