"""The errors of the graph, of its server, and of the images that it points to.

GraphdbError
  x GraphUnavailable     no Neo4j answers at the address, or it failed
    - GraphAccessDenied  Neo4j refuses the password, the database or the permission
  x ForeignData          the database holds data that Affinity Graph did not write
  x StoreMismatch        the data folder and the graph belong to different stores
  x NotFound             the graph does not hold what was asked for
    - SnapshotNotFound
    - SnapshotGone       the snapshot has ended, and a newer one may replace it
    - PatchNotFound
    - FrameNotFound
    - FramesNotKept      tracks were mined without the whole frames that they start in
  x ArchiveLocked        another process writes to the data folder
  x DamagedArchive       bytes that the graph points to are not in the archive
    - ShardGone          a whole shard is missing: it was deleted, or its images were moved
  x ServerError          the local server failed
    - ServerDied         the server ended before it answered
    - IncompleteImport   an import is running, or was interrupted
    - ExternalServer     the command works on the local server only, and NEO4J_URI names another
  x JarError             a jar of the local server cannot be downloaded, or has wrong content
"""

from __future__ import annotations

from pathlib import Path

from foundation.errors import AffinityError

CHECK_SETTINGS = "Check NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD, or unset them to use the local server."
CHECK_ACCESS = "Check NEO4J_USER, NEO4J_PASSWORD and NEO4J_DATABASE, or unset NEO4J_URI to use the local server."


class GraphdbError(AffinityError):
    """The root of the errors of this package."""


class GraphUnavailable(GraphdbError):
    """No Neo4j answers at the address, or it failed."""

    def __init__(
        self, uri: str, reason: str, *, problem: str = "does not answer", remedy: str = CHECK_SETTINGS
    ) -> None:
        super().__init__(f"Neo4j at {uri} {problem}: {reason.rstrip('.')}. {remedy}")


class GraphAccessDenied(GraphUnavailable):
    """Neo4j refuses: the password is wrong, the database does not exist, or the user lacks a permission."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason, problem="refuses", remedy=CHECK_ACCESS)


class ForeignData(GraphdbError):
    """The database holds data that Affinity Graph did not write."""

    def __init__(self, database: str, uri: str, contents: str, remedy: str) -> None:
        super().__init__(f"The database {database!r} at {uri} holds {contents}. Nothing was written. {remedy}")


class StoreMismatch(GraphdbError):
    """The data folder and the graph carry different store ids."""

    def __init__(self, folder: Path, folder_store: str | None, uri: str, graph_store: str | None) -> None:
        if folder_store or graph_store:
            problem = (
                f"The data folder {folder} belongs to store {folder_store or 'none'}, but the graph at {uri} belongs "
                f"to store {graph_store or 'none'}"
            )
            remedy = "Point --data (or NEO4J_URI) at the matching one"
        else:
            problem = (
                f"The data folder {folder} holds images, but its file `store` is missing, and the graph at {uri} is new"
            )
            remedy = "Restore folder and graph from the backup, or empty both with `affinity graph reset`"
        super().__init__(f"{problem}. Nothing was read or changed. {remedy}.")


class NotFound(GraphdbError):
    """The graph does not hold what was asked for."""


class SnapshotNotFound(NotFound):
    """No published snapshot has this id."""

    def __init__(self, id: str) -> None:
        super().__init__(
            "No snapshot is published yet: run `affinity ingest PATH` first."
            if id == "latest"
            else f"No published snapshot has the id {id!r}: GET /v1/snapshots lists those that exist."
        )


class SnapshotGone(NotFound):
    """The snapshot was published and has ended."""

    def __init__(self, id: str, successor: str | None) -> None:
        self.successor = successor
        follow = f"; use {successor}" if successor else ""
        super().__init__(f"Snapshot {id} has ended{follow}.")


class PatchNotFound(NotFound):
    """The graph holds no patch with this id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"No patch has the id {id!r}. An id reads <video>-<frame>-<x>-<y>-<side>[-e<frames>].")


class FrameNotFound(NotFound):
    """The graph holds no whole frame with this id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"No frame has the id {id!r}. An id reads <video>-<frame>, and not every frame is kept.")


class FramesNotKept(NotFound):
    """Tracks were mined without the whole frames that they start in."""

    def __init__(self, missing: int, tracks: int) -> None:
        super().__init__(
            f"{missing} of {tracks} tracks have no whole frame: large graphs do not keep them. Ingest with --frames, "
            "and mine the videos again with --remine."
            if tracks
            else "The snapshot has no tracks, and so no frames."
        )


class ArchiveLocked(GraphdbError):
    """Another process writes to the data folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"Another command is writing to {folder}. Wait until it ends, or give this one its own folder with --data."
        )


class DamagedArchive(GraphdbError):
    """Bytes that the graph points to are not in the archive."""


class ShardGone(DamagedArchive):
    """A shard is missing: it was lost, or compaction moved its images after a reader had looked up where they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"The shard {path} is missing. Restore the archive that belongs to this graph; if forgetting or pruning "
            "has just rewritten the shard, run the same command again."
        )


class ServerError(GraphdbError):
    """The local server failed; `log` holds the last lines that it wrote."""

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(f"{message}\n{log}" if log else message)


class ServerDied(ServerError):
    """The server ended before it answered."""


class IncompleteImport(ServerError):
    """An import is writing the graph, or was interrupted: no other command may use the graph."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The graph in {folder} is half imported: `affinity graph import` is running, or was interrupted. "
            "Wait for it, or run it again with the same export; `affinity graph reset` empties the data folder instead."
        )


class ExternalServer(ServerError):
    """NEO4J_URI names a server that Affinity Graph does not manage."""

    def __init__(self, uri: str, verb: str) -> None:
        super().__init__(
            f"NEO4J_URI names {uri}: that server is not ours to {verb}. "
            "Unset NEO4J_URI to use the local server of the data folder."
        )


class JarError(GraphdbError):
    """A jar of the local server cannot be downloaded, or its content is not what the lock says."""


def root_cause(error: BaseException) -> str:
    """Say what first went wrong. The text of the error itself often repeats addresses in many words."""
    while cause := _cause(error):
        error = cause
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error.__cause__ or error.__context__
