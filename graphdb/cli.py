"""`affinity graph`: the local Neo4j of a data folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from foundation.options import Data, Json, Yes, confirm

if TYPE_CHECKING:
    from foundation.data_folder import DataFolder
    from graphdb.server.local import Status
    from graphdb.settings import Connection, ServerSettings


def start(*, data: Data = None, json: Json = False) -> None:
    folder = own_folder(data, "start")
    from graphdb.server.local import LocalServer

    server = LocalServer(folder.neo4j)
    server.start()
    show(facts(server.status()), json)


def stop(*, data: Data = None) -> None:
    folder = own_folder(data, "stop")
    from graphdb.server.local import LocalServer

    stopped = LocalServer(folder.neo4j).stop()
    print("Neo4j has stopped." if stopped else f"No Neo4j was running in {folder.neo4j}.")


def status(*, data: Data = None, json: Json = False) -> None:
    from foundation.data_folder import DataFolder
    from graphdb.server.local import LocalServer
    from graphdb.settings import ServerSettings

    external = ServerSettings.from_environment()
    if external:
        show(external_status(external), json)
        return
    server = LocalServer(DataFolder.resolve(data).neo4j)
    known = facts(server.status())
    countable = known["running"] and not known["half_imported"]
    show(known | {"counts": counts(server.connection) if countable else None}, json)


def reset(*, data: Data = None, yes: Yes = False) -> int:
    folder = own_folder(data, "reset")
    from graphdb.maintenance.reset import reset_folder

    if not yes and not confirm(f"Delete the graph of {folder.root}, with its pixels, features and fits?"):
        print("Nothing was deleted.", file=sys.stderr)
        return 1
    reset_folder(folder)
    print(f"{folder.root} is empty; trained runs are kept. `affinity ingest PATH` fills it again.")
    return 0


def check(
    *,
    data: Data = None,
    repair: Annotated[
        bool, Parameter(help="Remove what an interrupted command left.", negative=(), show_default=False)
    ] = False,
    json: Json = False,
) -> int:
    from json import dumps

    from rich.console import Console

    from foundation.data_folder import DataFolder
    from graphdb.consistency.check import check
    from graphdb.consistency.report import show

    findings = check(DataFolder.resolve(data), Console(stderr=True), repair=repair)
    if json:
        print(dumps(findings.as_json()))
    else:
        show(findings, Console())
    return 0 if findings.sound else 1


def admin(
    *arguments: Annotated[
        str,
        Parameter(
            help="The arguments of neo4j-admin, such as: database dump neo4j …",
            allow_leading_hyphen=True,
            required=True,
        ),
    ],
    data: Data = None,
) -> int:
    folder = own_folder(data, "administer")
    from rich.console import Console

    from graphdb.errors import ServerError
    from graphdb.server.local import LocalServer
    from graphdb.server.runtime import java_runtime

    LocalServer(folder.neo4j).require_complete_import()
    if not (folder.neo4j / "conf" / "neo4j.conf").exists():
        raise ServerError(f"There is no Neo4j in {folder.neo4j} yet: `affinity graph start` makes one.")
    return java_runtime(Console(stderr=True)).run_admin(folder.neo4j, list(arguments))


def export(target: Annotated[Path, Parameter(help="A new folder.")], /, *, data: Data = None) -> None:
    from foundation.data_folder import DataFolder
    from graphdb.connect import connect
    from graphdb.maintenance.export import export_graph, left_behind
    from graphdb.store.graph import GraphStore

    folder = DataFolder.resolve(data)
    with connect(folder, GraphStore) as store:
        written = export_graph(store, folder, target)
        theirs = left_behind(store.contents(), written)
    nodes, relationships = sum(written.nodes.values()), sum(written.relationships.values())
    print(f"{nodes:,} nodes and {relationships:,} relationships are in {target}. Pixels are not: copy the archive.")
    if theirs:
        print(f"Left behind: {theirs}.")


def import_(
    source: Annotated[Path, Parameter(help="The folder that `affinity graph export` wrote.")], /, *, data: Data = None
) -> None:
    folder = own_folder(data, "import into")
    from rich.console import Console

    from graphdb.maintenance.bulk_import import import_graph

    show({"counts": import_graph(folder, source.absolute(), Console(stderr=True))}, as_json=False)


def own_folder(data: Path | None, verb: str) -> DataFolder:
    """The data folder with its local server. Raises ExternalServer if NEO4J_URI names another server."""
    from foundation.data_folder import DataFolder
    from graphdb.errors import ExternalServer
    from graphdb.settings import ServerSettings

    external = ServerSettings.from_environment()
    if external:
        raise ExternalServer(external.uri, verb)
    return DataFolder.resolve(data)


def facts(status: Status) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(status)


def counts(connection: Connection) -> dict[str, int]:
    """How much of each kind the graph holds. Raises GraphUnavailable if Neo4j does not answer."""
    from graphdb.store.graph import GraphStore

    with GraphStore(connection.uri, connection.user, connection.password) as store:
        store.ping()
        return store.counts()


def external_status(server: ServerSettings) -> dict[str, Any]:
    """What is known about an external server. Raises the errors of `greet` if it does not answer."""
    from graphdb.server.handshake import require_supported_server
    from graphdb.store.graph import GraphStore

    version = require_supported_server(server)
    with GraphStore(server.uri, server.user, server.password, database=server.database) as store:
        held, id = store.contents(), store.store_id()
        ours = id is not None or not held.nodes
        graph = {"database": held.database, "store": id, "counts": store.counts() if ours else None}
    place = {"running": True, "uri": server.uri, "user": server.user, "password_file": None, "browser": None}
    unknown = {"pid": None, "version": version, "half_imported": None}
    return place | unknown | graph | {"foreign": None if ours else str(held)}


def show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        from json import dumps

        print(dumps(facts))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{number:,} {what}" for what, number in value.items())
        if value is not None:
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
            print(f"{name.replace('_', ' '):<14}{text}")
