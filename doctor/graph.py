"""Neo4j: which one, whether it answers, whether its graph belongs to the data folder. Starts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from doctor.check import Check, gigabytes
from doctor.extras import missing
from doctor.machine import answers, owner, place, store_id
from graphdb.errors import GraphdbError
from graphdb.jars import cache_folder
from graphdb.settings import DataFolder, ServerSettings

if TYPE_CHECKING:
    from graphdb.server import Connection

FOREIGN = "Name an empty database with NEO4J_DATABASE, or share this one on purpose with AFFINITY_SHARED_DATABASE"


def jars() -> Iterator[Check]:
    """The cache that all data folders share, and what of Neo4j is in it."""
    folder = cache_folder().absolute()
    yield from place("cache folder", folder, "AFFINITY_CACHE")
    from graphdb.jars import JarFolder, read_lock

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
        found, _, remedy = str(error).partition(". ")
        yield Check("neo4j", "problem", found, remedy)


def local(folder: DataFolder) -> Iterator[Check]:
    from graphdb.config import Ports
    from graphdb.server import LocalServer

    server = LocalServer(folder.neo4j)
    status = server.status()
    usual, ours = Ports(), server.ports if status.running else Ports(0, 0)
    if status.running:
        yield from reached(server.connection, folder, f"local, process {status.pid}")
    else:
        found = f"{status.version}, local, not running; the next command that needs it starts it"
        yield Check("neo4j", "ok", found)
    for port, mine in ((usual.bolt, ours.bolt), (usual.http, ours.http)):
        if mine == port:
            yield Check(f"port {port}", "ok", "our Neo4j")
        elif answers(port):
            yield Check(f"port {port}", "ok", f"taken by {owner(port)}; our Neo4j takes another")
        else:
            yield Check(f"port {port}", "ok", "free")


def reached(server: Connection | ServerSettings, folder: DataFolder, which: str) -> Iterator[Check]:
    from graphdb.probe import greet
    from graphdb.store import GraphStore

    version = greet(server)
    with GraphStore(server.uri, server.user, server.password, database=server.database, timeout=5) as store:
        held, id, edition = store.holding(), store.store_id(), store.edition()
        found = f"{version} {edition} at {server.uri} ({which}), database {held.database}"
        yield Check("neo4j", "ok", found)
        yield belongs(id, store_id(folder), str(held) if held.nodes else "")


def belongs(in_graph: str | None, in_folder: str | None, held: str) -> Check:
    """Whether graph and data folder are of one store."""
    if in_graph is None and held:
        return Check("graph", "problem", f"holds {held}", FOREIGN)
    if in_graph == in_folder:
        return Check("graph", "ok", f"of the data folder's store {in_graph}" if in_graph else "empty")
    if in_graph is None:
        return Check("graph", "warning", f"empty, but the data folder is of store {in_folder}", "See --data, NEO4J_URI")
    found = f"of store {in_graph}, but the data folder is of {in_folder or 'none yet'}"
    return Check(
        "graph", "problem" if in_folder else "warning", found, "Point --data, or NEO4J_URI, at the matching one"
    )
