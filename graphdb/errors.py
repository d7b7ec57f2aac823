"""Everything that can go wrong with the graph and the pixels it points to.

GraphdbError
  x SettingsError        a setting has a value that cannot be used
  x GraphUnavailable     no Neo4j answers at the address
  x StoreMismatch        the data folder and the graph belong to different stores
  x NotFound
    - SnapshotNotFound
    - SnapshotGone       it was there; a newer one takes its place
    - PatchNotFound
  x ArchiveError
    - ArchiveLocked      another process writes to this data folder
    - DamagedArchive     bytes that the graph points to are not there
"""

from __future__ import annotations


class GraphdbError(Exception):
    """The root: its message says what happened, to what, and what to do next."""


class SettingsError(GraphdbError):
    """A setting has a value that cannot be used."""


class GraphUnavailable(GraphdbError):
    """No Neo4j answers at the address."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        super().__init__(
            f"Neo4j at {uri} does not answer: {reason}. "
            "Check NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD, or unset them to use the local server."
        )


class StoreMismatch(GraphdbError):
    """The data folder and the graph carry different store ids."""

    def __init__(self, folder: str, folder_store: str, uri: str, graph_store: str) -> None:
        self.folder_store = folder_store
        self.graph_store = graph_store
        super().__init__(
            f"The data folder {folder} belongs to store {folder_store}, but the graph at {uri} belongs to "
            f"store {graph_store}. Nothing was read or changed. Point --data (or NEO4J_URI) at the matching one."
        )


class NotFound(GraphdbError):
    """The graph holds no such thing."""


class SnapshotNotFound(NotFound):
    """No published snapshot has this id."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(
            "No snapshot is published yet: run `affinity ingest PATH` first."
            if id == "latest"
            else f"No published snapshot has the id {id!r}: GET /v1/snapshots lists those that exist."
        )


class SnapshotGone(NotFound):
    """The snapshot was published and has ended; its successor, if any, is named."""

    def __init__(self, id: str, successor: str | None) -> None:
        self.id = id
        self.successor = successor
        follow = f"; use {successor}" if successor else ""
        super().__init__(f"Snapshot {id} has ended{follow}.")


class PatchNotFound(NotFound):
    """The graph holds no patch with this id."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"No patch has the id {id!r}. An id reads <video>-<frame>-<x>-<y>-<side>[-e<frames>].")


class ArchiveError(GraphdbError):
    """The pixels cannot be read or written."""


class ArchiveLocked(ArchiveError):
    """Another process writes to this data folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        super().__init__(
            f"Another ingest is writing to {folder}. Wait for it to end, or give this one its own folder with --data."
        )


class DamagedArchive(ArchiveError):
    """Bytes that the graph points to are not in the archive."""
