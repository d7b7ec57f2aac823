"""Where things live, and how the graph is reached. Nothing here is read at import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from graphdb.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One store: the local server, the pixels, the features, the fits and the runs."""

    root: Path

    @classmethod
    def resolve(cls, data: Path | None = None) -> DataFolder:
        """The folder of `--data`, else of AFFINITY_DATA, else the platform's; made if missing.

        Raises SettingsError where it cannot be made.
        """
        root = data or Path(os.environ.get("AFFINITY_DATA") or platformdirs.user_data_path("affinity-graph"))
        root = root.expanduser().absolute()
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
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def store_file(self) -> Path:
        """Holds the id that the graph carries too: pixels and pointers belong together."""
        return self.root / "store"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A Neo4j that somebody else runs."""

    uri: str
    """NEO4J_URI: bolt:// or neo4j://, with +s for TLS."""
    user: str = "neo4j"
    """NEO4J_USER."""
    password: str = ""
    """NEO4J_PASSWORD, or the first line of the file NEO4J_PASSWORD_FILE."""

    @classmethod
    def from_environment(cls) -> ServerSettings | None:
        """The server that NEO4J_URI names, or None where it is not set."""
        uri = os.environ.get("NEO4J_URI")
        if not uri:
            return None
        password = os.environ.get("NEO4J_PASSWORD", "")
        if file := os.environ.get("NEO4J_PASSWORD_FILE"):
            password = Path(file).read_text().splitlines()[0]
        return cls(uri, os.environ.get("NEO4J_USER", "neo4j"), password)
