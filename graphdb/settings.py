"""Where things live, and how the graph is reached. Nothing here is read at import."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from foundation.errors import SettingsError

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A Neo4j that somebody else runs. Raises SettingsError where the address cannot be one."""

    uri: str
    """NEO4J_URI: bolt:// or neo4j://, with +s for TLS."""
    user: str = "neo4j"
    """NEO4J_USER."""
    password: str = field(default="", repr=False)
    """NEO4J_PASSWORD, or the first line of the file NEO4J_PASSWORD_FILE."""
    database: str | None = None
    """NEO4J_DATABASE; None is the user's home database."""

    def __post_init__(self) -> None:
        check_address(self.uri)

    @classmethod
    def from_environment(cls) -> ServerSettings | None:
        """The server that NEO4J_URI names, or None where it is not set. Raises SettingsError for a bad value."""
        uri = os.environ.get("NEO4J_URI")
        if not uri:
            return None
        password = os.environ.get("NEO4J_PASSWORD", "")
        if file := os.environ.get("NEO4J_PASSWORD_FILE"):
            password = first_line(Path(file))
        database = os.environ.get("NEO4J_DATABASE") or None
        return cls(uri, os.environ.get("NEO4J_USER") or "neo4j", password, database)


def shared_database() -> str | None:
    """AFFINITY_SHARED_DATABASE: the database that may hold data of others beside ours, named on purpose."""
    return os.environ.get("AFFINITY_SHARED_DATABASE") or None


def check_address(uri: str) -> None:
    """Raises SettingsError, which never repeats a password that stands in the address."""
    # Before anything is parsed: what is no address may carry one too. An @ has no other use here.
    if "@" in unquote(uri):
        raise SettingsError(
            "NEO4J_URI carries a user or a password. Put them into NEO4J_USER and NEO4J_PASSWORD, and only scheme, "
            "host and port into NEO4J_URI."
        )
    try:
        parts = urlsplit(uri)
        fits = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError(
            f"NEO4J_URI is {uri!r}, which is no address of a Neo4j. It reads bolt://host:7687, or neo4j:// for a "
            "cluster, with +s behind the scheme for TLS."
        )


def first_line(file: Path) -> str:
    """Raises SettingsError where the file cannot be read, or holds nothing."""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"NEO4J_PASSWORD_FILE names {file}, which cannot be read ({reason}).") from error
    if not text:
        raise SettingsError(f"NEO4J_PASSWORD_FILE names {file}, which is empty. Its first line is the password.")
    return text.splitlines()[0]


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server."""

    uri: str
    user: str
    password: str = field(repr=False)
    browser: str
    """Address of Neo4j Browser."""
    database: str | None = None
    """None is the user's home database: Community has no other."""
