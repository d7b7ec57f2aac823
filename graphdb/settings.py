"""How Neo4j is reached: the environment variables of an external server. Nothing is read at import."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from foundation.errors import SettingsError

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A Neo4j that is not started by us. Raises SettingsError if the address is not one of a Neo4j."""

    uri: str
    """NEO4J_URI: bolt:// or neo4j://, with +s for TLS."""
    user: str = "neo4j"
    """NEO4J_USER."""
    password: str = field(default="", repr=False)
    """NEO4J_PASSWORD, or the first line of the file NEO4J_PASSWORD_FILE."""
    database: str | None = None
    """NEO4J_DATABASE; None means the user's home database."""

    def __post_init__(self) -> None:
        check_address(self.uri)

    @classmethod
    def from_environment(cls) -> ServerSettings | None:
        """The server that NEO4J_URI names; None if the variable is not set. Raises SettingsError for a bad value."""
        uri = os.environ.get("NEO4J_URI")
        if not uri:
            return None
        password = os.environ.get("NEO4J_PASSWORD", "")
        if file := os.environ.get("NEO4J_PASSWORD_FILE"):
            password = first_line(Path(file))
        database = os.environ.get("NEO4J_DATABASE") or None
        return cls(uri, os.environ.get("NEO4J_USER") or "neo4j", password, database)


def shared_database() -> str | None:
    """AFFINITY_SHARED_DATABASE: the name of a database that may hold other data beside ours."""
    return os.environ.get("AFFINITY_SHARED_DATABASE") or None


def check_address(uri: str) -> None:
    """Raise SettingsError for an address that cannot be used. The message never repeats a password in the address."""
    # This comes first: text that does not parse may hold a password too. An @ has no other use here.
    if "@" in unquote(uri):
        raise SettingsError(
            "NEO4J_URI holds a user or a password. Put them into NEO4J_USER and NEO4J_PASSWORD, and only scheme, host "
            "and port into NEO4J_URI."
        )
    try:
        parts = urlsplit(uri)
        valid = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise SettingsError(
            f"NEO4J_URI is {uri!r}, which is not an address of a Neo4j. Write bolt://host:7687, or neo4j://host:7687 "
            "for a cluster, with +s after the scheme for TLS."
        )


def first_line(file: Path) -> str:
    """Read the password. Raises SettingsError if the file cannot be read or is empty."""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
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
    """None means the user's home database. Neo4j Community has no other."""
