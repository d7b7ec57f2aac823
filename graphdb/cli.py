"""`affinity graph`: the local Neo4j of a data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from foundation.data_folder import DataFolder
    from graphdb.server.local import Status
    from graphdb.settings import Connection, ServerSettings

app = typer.Typer(no_args_is_help=True, help="The local Neo4j that holds the graph.")

Data = Annotated[Path | None, typer.Option(help="Data folder. Default: AFFINITY_DATA, else the platform's.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


@app.command()
def start(data: Data = None, json: Json = False) -> None:
    """Start Neo4j where it is down, and say how to reach it. The first start fetches it."""
    folder = own_folder(data, "start")
    from graphdb.server.local import LocalServer

    server = LocalServer(folder.neo4j)
    server.start()
    show(facts(server.status()), json)


@app.command()
def stop(data: Data = None) -> None:
    """End Neo4j; the graph stays."""
    folder = own_folder(data, "stop")
    from graphdb.server.local import LocalServer

    stopped = LocalServer(folder.neo4j).stop()
    typer.echo("Neo4j has stopped." if stopped else f"No Neo4j was running in {folder.neo4j}.")


@app.command()
def status(data: Data = None, json: Json = False) -> None:
    """Say whether Neo4j runs, how to reach it, and what the graph holds. Starts nothing."""
    from foundation.data_folder import DataFolder
    from graphdb.server.local import LocalServer
    from graphdb.settings import ServerSettings

    given = ServerSettings.from_environment()
    if given:
        show(given_status(given), json)
        return
    server = LocalServer(DataFolder.resolve(data).neo4j)
    known = facts(server.status())
    countable = known["running"] and not known["half_imported"]
    show(known | {"counts": counts(server.connection) if countable else None}, json)


@app.command()
def reset(
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """Delete the graph, and the pixels, features and fits that belong to it. Trained runs stay."""
    folder = own_folder(data, "reset")
    from graphdb.maintenance.reset import reset_folder

    if not yes:
        typer.confirm(f"Delete the graph of {folder.root}, with its pixels, features and fits?", abort=True)
    reset_folder(folder)
    typer.echo(f"{folder.root} is empty; trained runs are kept. `affinity ingest PATH` fills it again.")


@app.command()
def check(
    data: Data = None,
    mend: Annotated[bool, typer.Option("--mend", help="Remove what an interruption left.")] = False,
    json: Json = False,
) -> None:
    """Check graph and data folder against each other, every image included. Exit status 1 where damage remains."""
    from json import dumps

    from rich.console import Console

    from foundation.data_folder import DataFolder
    from graphdb.consistency.check import check
    from graphdb.consistency.report import show

    findings = check(DataFolder.resolve(data), Console(stderr=True), repair=mend)
    if json:
        typer.echo(dumps(findings.as_json()))
    else:
        show(findings, Console())
    if not findings.sound:
        raise typer.Exit(1)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def admin(
    arguments: Annotated[list[str], typer.Argument(help="What neo4j-admin is given, such as: database dump neo4j …")],
    data: Data = None,
) -> None:
    """Run Neo4j's own neo4j-admin on the local server's folder: dump, load, check. Most of it wants Neo4j stopped."""
    folder = own_folder(data, "administer")
    from rich.console import Console

    from graphdb.errors import ServerError
    from graphdb.server.local import LocalServer
    from graphdb.server.runtime import java_runtime

    LocalServer(folder.neo4j).require_complete_import()
    if not (folder.neo4j / "conf" / "neo4j.conf").exists():
        raise ServerError(f"There is no Neo4j in {folder.neo4j} yet: `affinity graph start` makes one.")
    raise typer.Exit(java_runtime(Console(stderr=True)).run_admin(folder.neo4j, arguments))


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)],
    data: Data = None,
) -> None:
    """Write the whole graph to a folder, as CSV that `affinity graph import` and `neo4j-admin database import` read."""
    from foundation.data_folder import DataFolder
    from graphdb.connect import connect
    from graphdb.maintenance.export import export_graph, left_behind
    from graphdb.store.graph import GraphStore

    folder = DataFolder.resolve(data)
    with connect(folder, GraphStore) as store:
        written = export_graph(store, folder, target)
        theirs = left_behind(store.contents(), written)
    nodes, relationships = sum(written.nodes.values()), sum(written.relationships.values())
    typer.echo(
        f"{nodes:,} nodes and {relationships:,} relationships are in {target}. Pixels are not: copy the archive."
    )
    if theirs:
        typer.echo(f"Left behind: {theirs}.")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="What `affinity graph export` wrote.", show_default=False)],
    data: Data = None,
) -> None:
    """Load an exported graph into the data folder's own, empty Neo4j; its pixels must be in the folder already."""
    folder = own_folder(data, "import into")
    from rich.console import Console

    from graphdb.maintenance.bulk_import import import_graph

    show({"counts": import_graph(folder, source.absolute(), Console(stderr=True))}, as_json=False)


def own_folder(data: Path | None, verb: str) -> DataFolder:
    """The data folder, whose server is ours. Raises ExternalServer where NEO4J_URI names another."""
    from foundation.data_folder import DataFolder
    from graphdb.errors import ExternalServer
    from graphdb.settings import ServerSettings

    given = ServerSettings.from_environment()
    if given:
        raise ExternalServer(given.uri, verb)
    return DataFolder.resolve(data)


def facts(status: Status) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(status)


def counts(connection: Connection) -> dict[str, int]:
    """What the graph holds. Raises GraphUnavailable where it does not answer."""
    from graphdb.store.graph import GraphStore

    with GraphStore(connection.uri, connection.user, connection.password) as store:
        store.ping()
        return store.counts()


def given_status(given: ServerSettings) -> dict[str, Any]:
    """What can be known of a server that somebody else runs. Raises what `greet` raises where it does not answer."""
    from graphdb.server.handshake import require_supported_server
    from graphdb.store.graph import GraphStore

    version = require_supported_server(given)
    with GraphStore(given.uri, given.user, given.password, database=given.database) as store:
        held, id = store.contents(), store.store_id()
        ours = id is not None or not held.nodes
        graph = {"database": held.database, "store": id, "counts": store.counts() if ours else None}
    place = {"running": True, "uri": given.uri, "user": given.user, "password_file": None, "browser": None}
    unknown = {"pid": None, "version": version, "half_imported": None}
    return place | unknown | graph | {"foreign": None if ours else str(held)}


def show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        from json import dumps

        typer.echo(dumps(facts))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{number:,} {what}" for what, number in value.items())
        if value is not None:
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
            typer.echo(f"{name.replace('_', ' '):<14}{text}")
