"""Load an export into the local server with Neo4j's own importer, which writes the files of an empty database.

The importer uses no transactions, so it is fast, but what an interruption leaves is no graph.
`LocalServer.begin_import` marks the store as half imported: only an import can use it then, and the next import starts
again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from foundation.data_folder import DataFolder
from graphdb.archive.shards import require_committed, uncommitted
from graphdb.archive.writer import writer_lock
from graphdb.connect import connect
from graphdb.errors import GraphdbError, StoreMismatch
from graphdb.maintenance.export import FORMAT, MANIFEST, Manifest
from graphdb.model import count_of
from graphdb.server.local import LocalServer
from graphdb.server.runtime import java_runtime
from graphdb.store.graph import GraphStore

DATABASE = "neo4j"
SHARDS_FILE = "nodes.Shard.csv"
"""The file of an export that holds the committed end of each shard of the archive."""


def import_graph(folder: DataFolder, source: Path, console: Console) -> dict[str, int]:
    """Load an export into the folder's own server, which must be empty, and return the counts of the graph.

    The images of the exported graph must be in the folder already. Raises GraphdbError if the export is incomplete or
    the server is not empty, StoreMismatch, DamagedArchive, ArchiveLocked, and what `LocalServer.start` raises.
    """
    manifest = read_manifest(source)
    server = LocalServer(folder.neo4j, console=console)
    with writer_lock(folder.archive):
        require_images(folder, manifest, source)
        warn_of_extra_images(folder, source, console)
        if server.is_half_imported:
            server.reset()
        require_empty(server, source)
        server.begin_import()
        try:
            run_importer(server, manifest, source, console)
            counts = verify_import(server, folder, manifest, source)
        except BaseException:
            server.reset()
            raise
        server.end_import()
    return counts


def cannot_import(folder: Path, reason: str) -> GraphdbError:
    return GraphdbError(f"{folder} cannot be imported: {reason}.")


def read_manifest(source: Path) -> Manifest:
    """Return what an export holds. Raises GraphdbError if the folder holds no complete export."""
    try:
        manifest = Manifest(**json.loads((source / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise cannot_import(source, f"it has no usable {MANIFEST}, so it is no export, or half of one") from error
    if manifest.format != FORMAT:
        raise cannot_import(source, f"it has format {manifest.format}, and this version reads format {FORMAT}")
    if missing := [name for name in (*manifest.nodes, *manifest.relationships) if not (source / name).is_file()]:
        raise cannot_import(source, f"{', '.join(missing)} is missing")
    return manifest


def require_images(folder: DataFolder, manifest: Manifest, source: Path) -> None:
    """Raise StoreMismatch if the folder is of another store, and DamagedArchive if it lacks images of the export."""
    file = folder.store_file
    store = file.read_text().strip() if file.exists() else None
    if store != manifest.store:
        raise StoreMismatch(folder.root, store, str(source), manifest.store)
    require_committed(folder.archive, shard_ends(source))


def warn_of_extra_images(folder: DataFolder, source: Path, console: Console) -> None:
    """Tell the user about images that the export does not know: the next ingest deletes them."""
    if extra := uncommitted(folder.archive, shard_ends(source)):
        size = sum(path.stat().st_size - kept for path, kept in extra.items())
        console.print(
            f"{size:,} bytes in {', '.join(path.name for path in extra)} of {folder.archive} are not part of this "
            "export, and the next ingest cuts them off. An interrupted ingest left them, or they belong to videos that "
            "were added after the export: in that case, export again.",
            highlight=False,
            soft_wrap=True,
        )


def shard_ends(source: Path) -> dict[str, int]:
    """Return the committed end of every shard in an export, in bytes."""
    path = source / SHARDS_FILE
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id:string"]: int(row["end:long"]) for row in csv.DictReader(file)}


def require_empty(server: LocalServer, source: Path) -> None:
    """Raise GraphdbError if the local server holds a graph."""
    if not server.has_store:
        return
    connection = server.start()
    with GraphStore(connection.uri, connection.user, connection.password) as store:
        # A command that only read the empty graph has left its Store node.
        if (contents := store.contents()).nodes > 1 or contents.labels not in ([], ["Store"]):
            labels = ", ".join(f":{label}" for label in sorted(contents.labels))
            raise cannot_import(
                source,
                f"the local server in {server.folder} holds a graph already, {count_of(contents.nodes, 'node')} "
                f"({labels}) and {count_of(contents.relationships, 'relationship')}, which would be overwritten. Name "
                "another --data",
            )


def run_importer(server: LocalServer, manifest: Manifest, source: Path, console: Console) -> None:
    """Run `neo4j-admin database import`. Raises GraphdbError if it fails."""
    arguments = importer_arguments(manifest, source, server.log.with_name("import.report"))
    if java_runtime(console).run_admin(server.folder, arguments):
        raise cannot_import(source, "Neo4j's importer failed; its output is above")


def importer_arguments(manifest: Manifest, source: Path, report: Path) -> Sequence[str]:
    return (
        *("database", "import", "full", DATABASE, "--overwrite-destination=true", "--path-pattern-style=none"),
        *("--bad-tolerance=0", f"--report-file={report}"),
        *(f"--nodes={labels_of(name)}={source / name}" for name in manifest.nodes),
        *(f"--relationships={labels_of(name)}={source / name}" for name in manifest.relationships),
    )


def labels_of(file: str) -> str:
    """Return the labels, or the type, in the name of a file, as the importer wants them."""
    return file.split(".")[1].replace("+", ":")


def verify_import(server: LocalServer, folder: DataFolder, manifest: Manifest, source: Path) -> dict[str, int]:
    """Start the server, create the schema, and return the counts of the graph. Raises GraphdbError on a difference."""
    with connect(folder, GraphStore, server=server.start(for_import=True)) as store:
        contents = store.contents()
        wanted = sum(manifest.nodes.values()), sum(manifest.relationships.values())
        if (contents.nodes, contents.relationships) != wanted:
            raise cannot_import(
                source,
                f"it holds {wanted[0]:,} nodes and {wanted[1]:,} relationships, but {contents.nodes:,} and "
                f"{contents.relationships:,} were imported",
            )
        return store.counts()
