"""An export loaded into the local server by Neo4j's own importer, which writes the files of an empty database.

No transactions, so it is fast, and all or nothing: what an interruption leaves is no graph. The server knows that its
store is one of those (`LocalServer.begin_import`) and starts for nobody else, and the next import begins anew.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from foundation.data_folder import DataFolder
from graphdb.archive.shards import refuse_damage, uncommitted
from graphdb.archive.writer import writer_lock
from graphdb.connect import connect
from graphdb.errors import CannotImport, StoreMismatch
from graphdb.maintenance.export import FORMAT, MANIFEST, Manifest
from graphdb.model import number
from graphdb.server.local import LocalServer
from graphdb.server.runtime import runtime
from graphdb.store.graph import GraphStore

DATABASE = "neo4j"
SHARDS = "nodes.Shard.csv"
"""The file of an export that says what it counts on in the archive."""


def read_manifest(source: Path) -> Manifest:
    """What an export holds. Raises CannotImport where the folder holds no whole one."""
    try:
        manifest = Manifest(**json.loads((source / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CannotImport(source, f"it has no usable {MANIFEST}, so it is no export, or half of one") from error
    if manifest.format != FORMAT:
        raise CannotImport(source, f"it is of format {manifest.format}, and this version reads {FORMAT}")
    if missing := [name for name in (*manifest.nodes, *manifest.relationships) if not (source / name).is_file()]:
        raise CannotImport(source, f"{', '.join(missing)} is missing")
    return manifest


def import_graph(folder: DataFolder, source: Path, console: Console) -> dict[str, int]:
    """Load an export into the folder's own server, which must be empty; what the graph holds then.

    The pixels of the exported graph must lie in the folder already. Raises CannotImport, StoreMismatch, DamagedArchive,
    ArchiveLocked and what starting a server raises.
    """
    manifest = read_manifest(source)
    server = LocalServer(folder.neo4j, console=console)
    with writer_lock(folder.archive):
        refuse_other_pixels(folder, manifest, source, console)
        if server.is_half_imported:
            server.reset()
        require_empty(server, source)
        server.begin_import()
        try:
            if runtime(console).run_admin(
                server.folder, arguments(manifest, source, server.log.with_name("import.report"))
            ):
                raise CannotImport(source, "Neo4j's importer gave up; what it said is above")
            counts = counted(server, folder, manifest, source)
        except BaseException:
            server.reset()
            raise
        server.end_import()
    return counts


def refuse_other_pixels(folder: DataFolder, manifest: Manifest, source: Path, console: Console) -> None:
    """Raises StoreMismatch, and DamagedArchive where the export counts on more than is there; says what it does not
    count on."""
    file = folder.store_file
    found = file.read_text().strip() if file.exists() else None
    if found != manifest.store:
        raise StoreMismatch(folder.root, found, str(source), manifest.store)
    ends = shard_ends(source / SHARDS)
    refuse_damage(folder.archive, ends)
    if beyond := uncommitted(folder.archive, ends):
        size = sum(path.stat().st_size - kept for path, kept in beyond.items())
        console.print(
            f"{size:,} bytes in {', '.join(path.name for path in beyond)} of {folder.archive} are past what this "
            "export counts on, and the next ingest cuts them off. An ingest that was interrupted left them, or they "
            "are of videos that came after the export: then export again.",
            highlight=False,
            soft_wrap=True,
        )


def shard_ends(path: Path) -> dict[str, int]:
    """The committed end of every shard that an export counts on, in bytes."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id:string"]: int(row["end:long"]) for row in csv.DictReader(file)}


def require_empty(server: LocalServer, source: Path) -> None:
    if not server.has_store:
        return
    there = server.start()
    with GraphStore(there.uri, there.user, there.password) as store:
        # A command that only looked at the empty graph has left its Store node.
        if (held := store.holding()).nodes > 1 or held.labels not in ([], ["Store"]):
            named = ", ".join(f":{label}" for label in sorted(held.labels))
            raise CannotImport(
                source,
                f"the local server in {server.folder} holds a graph already, {number(held.nodes, 'node')} ({named}) "
                f"and {number(held.relationships, 'relationship')}, which would be overwritten. Name another --data",
            )


def arguments(manifest: Manifest, source: Path, report: Path) -> Sequence[str]:
    """What `neo4j-admin` is told."""
    return (
        *("database", "import", "full", DATABASE, "--overwrite-destination=true", "--path-pattern-style=none"),
        *("--bad-tolerance=0", f"--report-file={report}"),
        *(f"--nodes={labels(name)}={source / name}" for name in manifest.nodes),
        *(f"--relationships={labels(name)}={source / name}" for name in manifest.relationships),
    )


def labels(name: str) -> str:
    """Labels, or the type, in the importer's writing, from the name of a file."""
    return name.split(".")[1].replace("+", ":")


def counted(server: LocalServer, folder: DataFolder, manifest: Manifest, source: Path) -> dict[str, int]:
    """Start the server, bring the schema back, and see that all of it is there."""
    with connect(folder, GraphStore, server=server.start(importing=True)) as store:
        held = store.holding()
        wanted = sum(manifest.nodes.values()), sum(manifest.relationships.values())
        if (held.nodes, held.relationships) != wanted:
            raise CannotImport(
                source,
                f"{wanted[0]:,} nodes and {wanted[1]:,} relationships were written, and {held.nodes:,} and "
                f"{held.relationships:,} came of them",
            )
        return store.counts()
