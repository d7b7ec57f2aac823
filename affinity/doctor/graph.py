"""Neo4j: which one, whether it answers, whether its graph belongs to the data folder. Starts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from affinity.doctor.check import Check, gigabytes
from affinity.doctor.extras import missing
from affinity.doctor.machine import owner, place
from foundation.data_folder import DataFolder
from graphdb.errors import ForeignData, GraphdbError, StoreMismatch
from graphdb.server.configuration import is_listening
from graphdb.server.jars import cache_folder
from graphdb.settings import ServerSettings

if TYPE_CHECKING:
    from graphdb.settings import Connection
    from graphdb.store.graph import GraphStore


def jars() -> Iterator[Check]:
    """The cache that all data folders share, and what of Neo4j is in it."""
    folder = cache_folder().absolute()
    yield from place("cache folder", folder, "AFFINITY_CACHE")
    from graphdb.server.jars import JarFolder, read_lock

    wanted = read_lock()
    paths = JarFolder(folder / "jars", wanted).paths
    whole = sum(path.is_file() and path.stat().st_size == jar.size for jar, path in zip(wanted, paths, strict=True))
    size = sum(jar.size for jar in wanted)
    if whole == len(wanted):
        yield Check("neo4j jars", "ok", f"fetched, {gigabytes(size)} in {folder / 'jars'}")
    else:
        yield Check("neo4j jars", "ok", f"{whole} of {len(wanted)} fetched; the first start fetches {gigabytes(size)}")


def neo4j(folder: DataFolder) -> Iterator[Check]:
    if absent := missing("graphdb"):
        if ServerSettings.from_environment():
            yield Check("neo4j", "ok", f"not asked: {', '.join(absent)} not installed")
        return
    try:
        given = ServerSettings.from_environment()
        if given:
            yield from reached(given, folder, "NEO4J_URI")
        else:
            yield from local(folder)
    except GraphdbError as error:
        yield problem("neo4j", error)


def local(folder: DataFolder) -> Iterator[Check]:
    from graphdb.errors import IncompleteImport
    from graphdb.server.configuration import Ports
    from graphdb.server.local import LocalServer

    server = LocalServer(folder.neo4j)
    status = server.status()
    usual, ours = Ports(), server.ports if status.running else Ports(0, 0)
    if status.half_imported:
        yield problem("graph", IncompleteImport(folder.neo4j))
    elif status.running:
        yield from reached(server.connection, folder, f"local, process {status.pid}")
    else:
        found = f"{status.version}, local, not running; the next command that needs it starts it"
        yield Check("neo4j", "ok", found)
    for port, mine in ((usual.bolt, ours.bolt), (usual.http, ours.http)):
        if mine == port:
            yield Check(f"port {port}", "ok", "our Neo4j")
        elif is_listening(port):
            yield Check(f"port {port}", "ok", f"taken by {owner(port)}; our Neo4j takes another")
        else:
            yield Check(f"port {port}", "ok", "free")


def reached(server: Connection | ServerSettings, folder: DataFolder, which: str) -> Iterator[Check]:
    from graphdb.server.handshake import require_supported_server
    from graphdb.store.graph import GraphStore

    version = require_supported_server(server)
    with GraphStore(server.uri, server.user, server.password, database=server.database, timeout=5) as store:
        found = f"{version} {store.edition()} at {server.uri} ({which}), database {store.contents().database}"
        yield Check("neo4j", "ok", found)
        yield belongs(store, folder)


def belongs(store: GraphStore, folder: DataFolder) -> Check:
    """Whether the graph is ours, and of one store with the data folder."""
    from graphdb.store.ownership import relation, require_own_database

    try:
        require_own_database(store)
    except ForeignData as error:
        return problem("graph", error)
    found = relation(store, folder)
    if found.kind == "mismatch":
        return problem("graph", StoreMismatch(folder.root, found.in_folder, store.uri, found.in_graph))
    if found.kind == "same":
        return Check("graph", "ok", f"of the data folder's store {found.in_graph}")
    id = found.in_graph or found.in_folder
    return Check(
        "graph", "ok", f"nothing of ours yet; the first ingest makes it store {id}" if id else "nothing of ours yet"
    )


def problem(name: str, error: GraphdbError) -> Check:
    """An error's first sentence is what was found, the others what to do."""
    found, _, remedy = str(error).partition(". ")
    return Check(name, "problem", found, remedy)
