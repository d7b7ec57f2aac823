"""The data folder: where it is, and what it contains."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from foundation.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one graph: the local server, the images, the features, the cluster models and the trained runs."""

    root: Path

    @classmethod
    def resolve(cls, data: Path | None = None) -> DataFolder:
        """Return the folder that `data_root` names, and make it if it is missing.

        Raises SettingsError if it cannot be made.
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
        """The images of patches and frames."""
        return self.root / "archive"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def fits(self) -> Path:
        """The cluster models."""
        return self.root / "fits"

    @property
    def views(self) -> Path:
        """The signatures that videos are compared by."""
        return self.root / "views"

    @property
    def runs(self) -> Path:
        """The trained runs."""
        return self.root / "runs"

    @property
    def keys_file(self) -> Path:
        """Digests of the API keys of the service."""
        return self.root / "keys.json"

    @property
    def store_file(self) -> Path:
        """The store id, which the graph carries too: it shows that this folder holds the images of that graph."""
        return self.root / "store"


def data_root(data: Path | None) -> Path:
    """Return the path of the data folder, which may not exist.

    It is `data` (the option --data), else AFFINITY_DATA, else the platform's data folder of the user.
    """
    root = data or Path(os.environ.get("AFFINITY_DATA") or platformdirs.user_data_path("affinity-graph"))
    return root.expanduser().absolute()
