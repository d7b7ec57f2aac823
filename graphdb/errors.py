"""Everything that can go wrong with the graph and the pixels it points to.

GraphdbError
  x SettingsError        a setting has a value that cannot be used
  x GraphUnavailable     no Neo4j answers at the address
    - GraphBroken        it answers, and has failed at its own work
    - GraphAccessDenied       it answers, and refuses the password, the database or the right
  x UnsupportedServer    what answers is no Neo4j, or one too old
  x ForeignData          the database holds data of somebody else
  x SchemaCollision      the database has constraints or indexes that ours cannot stand beside
  x StoreMismatch        the data folder and the graph belong to different stores
  x CannotExport         a graph cannot be written to a folder as it is
  x CannotImport         a folder holds no whole export, or the server is not empty
  x CannotWrite          the disk is full, or closed to this user
    - DiskNearlyFull             so little is left that the local Neo4j is kept from starting and writing
  x NotFound
    - SnapshotNotFound
    - SnapshotGone       it was there; a newer one takes its place
    - PatchNotFound
    - FrameNotFound
    - FramesNotKept      tracks were mined without the whole frames that they start in
  x ArchiveError
    - ArchiveLocked      another process writes to this data folder
    - DamagedArchive     bytes that the graph points to are not there
      . ShardGone        a whole shard is not there: it was deleted, or its images were moved meanwhile
"""

from __future__ import annotations

from pathlib import Path

from foundation.errors import AffinityError


class GraphdbError(AffinityError):
    """The root: its message says what happened, to what, and what to do next."""


class GraphUnavailable(GraphdbError):
    """No Neo4j answers at the address."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        super().__init__(
            f"Neo4j at {uri} does not answer: {reason}. "
            "Check NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD, or unset them to use the local server."
        )


class GraphAccessDenied(GraphUnavailable):
    """A Neo4j answers, and refuses: a wrong password, a database that is not there, a right that is missing."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        GraphdbError.__init__(
            self,
            f"Neo4j at {uri} refuses: {reason.rstrip('.')}. "
            "Check NEO4J_USER, NEO4J_PASSWORD and NEO4J_DATABASE, or unset NEO4J_URI to use the local server.",
        )


class UnsupportedServer(GraphdbError):
    """What answers is no Neo4j, or one whose Cypher lacks what ours needs."""

    def __init__(self, uri: str, found: str, needed: str) -> None:
        self.uri = uri
        self.found = found
        super().__init__(
            f"At {uri} is {found}; Affinity Graph needs Neo4j {needed} or newer. "
            "Name another server with NEO4J_URI, or unset it to use the local one."
        )


class ForeignData(GraphdbError):
    """The database holds data of somebody else."""

    def __init__(self, database: str, uri: str, held: str, ways_out: str) -> None:
        self.database = database
        super().__init__(f"The database {database!r} at {uri} holds {held}. Nothing was written. {ways_out}")


class SchemaCollision(GraphdbError):
    """The database has constraints, indexes or data that our constraints cannot stand beside."""

    def __init__(self, database: str, uri: str, reason: str) -> None:
        self.database = database
        super().__init__(
            f"The database {database!r} at {uri} has something in the way of our constraints: {reason}. "
            "Nothing was changed. Name another database with NEO4J_DATABASE, or another server with NEO4J_URI."
        )


class StoreMismatch(GraphdbError):
    """The data folder and the graph carry different store ids."""

    def __init__(self, folder: Path, folder_store: str | None, uri: str, graph_store: str | None) -> None:
        self.folder_store = folder_store
        self.graph_store = graph_store
        if folder_store or graph_store:
            what = (
                f"The data folder {folder} belongs to store {folder_store or 'none'}, but the graph at {uri} belongs "
                f"to store {graph_store or 'none'}"
            )
            cure = "Point --data (or NEO4J_URI) at the matching one"
        else:
            what = (
                f"The data folder {folder} holds pixels, but its file `store` is missing, and the graph at {uri} is new"
            )
            cure = "Restore folder and graph from the backup, or empty both with `affinity graph reset`"
        super().__init__(f"{what}. Nothing was read or changed. {cure}.")


class CannotExport(GraphdbError):
    """A graph cannot be written to a folder."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"The graph cannot be exported to {folder}: {reason}.")


class CannotImport(GraphdbError):
    """An export cannot be loaded into the local server."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"{folder} cannot be imported: {reason}.")


class GraphBroken(GraphUnavailable):
    """Neo4j failed at its own work, not at a query of ours."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        GraphdbError.__init__(
            self,
            f"Neo4j at {uri} failed: {reason.rstrip('.')}. See that its disk is not full, restart it (`affinity graph "
            "stop` ends the local one), and run the same command again: it goes on from what was stored.",
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


class FrameNotFound(NotFound):
    """The graph holds no whole frame with this id."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"No frame has the id {id!r}. An id reads <video>-<frame>, and not every frame is kept.")


class FramesNotKept(NotFound):
    """Tracks were mined without the whole frames that they start in."""

    def __init__(self, missing: int, tracks: int) -> None:
        super().__init__(
            f"Of {tracks} tracks {missing} have no whole frame: large graphs stop keeping them. Ingest with --frames, "
            "and mine the videos again with --remine."
            if tracks
            else "The snapshot has no tracks, and so no frames."
        )


class ArchiveError(GraphdbError):
    """The pixels cannot be read or written."""


class ArchiveLocked(ArchiveError):
    """Another process writes to this data folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        super().__init__(
            f"Another command is writing to {folder}. Wait for it to end, or give this one its own folder with --data."
        )


class DamagedArchive(ArchiveError):
    """Bytes that the graph points to are not in the archive."""


class ShardGone(DamagedArchive):
    """A shard is not there: it was lost, or compacting moved its images while somebody was about to read them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"The shard {path} is not there. Restore the archive that belongs to this graph; if forgetting or pruning "
            "has just rewritten the shard, run the same command again."
        )


class ServerError(GraphdbError):
    """The local server does not do what it was asked; `log` holds the last lines that it wrote."""

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(f"{message}\n{log}" if log else message)


class ServerDied(ServerError):
    """The server ended before it answered."""


class IncompleteImport(ServerError):
    """The store is being written by an import, or was left by one that died: nobody may take it for a graph."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"The graph in {folder} is half imported: `affinity graph import` is at work there, or was interrupted. "
            "Wait for it, or run it again with the same export; `affinity graph reset` empties the data folder instead."
        )


class ExternalServer(ServerError):
    """NEO4J_URI names a server that somebody else runs."""

    def __init__(self, uri: str, verb: str) -> None:
        self.uri = uri
        super().__init__(
            f"NEO4J_URI names {uri}: that server is not ours to {verb}. "
            "Unset NEO4J_URI to use the local server of the data folder."
        )


class JarsUnavailable(GraphdbError):
    """A jar could not be fetched: no network, or nobody answers."""

    def __init__(self, coordinate: str, reason: str) -> None:
        self.coordinate = coordinate
        super().__init__(
            f"Neo4j's {coordinate} could not be downloaded: {reason}. What is already there stays: check the "
            "network and run the command again, or name a server of yours with NEO4J_URI."
        )


class JarMismatch(GraphdbError):
    """A jar's bytes are not the ones that the lock names."""

    def __init__(self, coordinate: str, expected: str, found: str) -> None:
        self.coordinate = coordinate
        self.expected = expected
        self.found = found
        super().__init__(
            f"{coordinate} was refused and removed: its SHA-256 is {found}, the lock says {expected}. Run the command "
            "again; where it stays so, something between here and the registry changes files."
        )


def reason(error: BaseException) -> str:
    """The root of an error, which says what happened without naming addresses."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error) or type(error).__name__
