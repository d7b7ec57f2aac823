"""`affinity serve`, `affinity keys` and `affinity export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from api.middleware.api_keys import Key, KeyFile

MIX = "transitive:7,intra:2"
"""The paper's (Sec. 6)."""
DataOption = Annotated[Path | None, typer.Option(help="Data folder. Default: AFFINITY_DATA, else the user's.")]
MAX_DAYS = 36_500
keys_app = typer.Typer(help="Keys that open the service.", no_args_is_help=True)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than this machine's needs a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)] = 8477,
    workers: Annotated[int, typer.Option(help="Processes that answer.", min=1, max=256)] = 1,
    in_flight: Annotated[
        int, typer.Option(help="Requests under way at a time, in each worker; more are answered 503.", min=1)
    ] = 64,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM), to speak HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    log_format: Annotated[
        Literal["text", "json"], typer.Option(help="text: what goes wrong; json: that and every request.")
    ] = "text",
    data: DataOption = None,
    json: Annotated[bool, typer.Option("--json", help="Say where it listens as one JSON object.")] = False,
) -> None:
    """Serve triplets, snapshots and patches over HTTP until stopped (Ctrl-C, SIGTERM)."""
    from api.server.main import run
    from api.settings import ServiceSettings

    settings = ServiceSettings.from_environment(
        data,
        host,
        port,
        workers=workers,
        in_flight=in_flight,
        tls_cert=tls_cert,
        tls_key=tls_key,
        log_format=log_format,
    )
    run(settings, lambda url: announce(url, json))


def announce(url: str, as_json: bool) -> None:
    """Say on stdout where the service listens."""
    from json import dumps

    typer.echo(dumps({"url": url, "docs": f"{url}/docs"}) if as_json else f"Serving {url} (API: {url}/docs)")


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called in lists and logs.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read opens snapshots, triplets and patches, admin /metrics. Default: read."),
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires. Default: never.", min=0)] = None,
    rate: Annotated[float | None, typer.Option(help="Requests a second. Default: no limit.")] = None,
    data: DataOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a key and print it, this once."""
    from datetime import UTC, datetime, timedelta
    from json import dumps

    expires = None if days is None else datetime.now(UTC) + timedelta(days=min(days, MAX_DAYS))
    key, token = key_file(data).create(name, scope or ("read",), expires, rate)
    typer.echo(dumps({"key": token, **shown(key)}) if json else token)
    if not json:
        typer.echo(f"The key {name} is shown this once; the data folder keeps a digest of it.", err=True)


@keys_app.command("list")
def list_keys(
    data: DataOption = None, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Show the keys there are; what opens the service is not to be shown again."""
    from json import dumps

    keys = [shown(key) for key in key_file(data).read()]
    if json:
        typer.echo(dumps({"keys": keys}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "scopes", "created (UTC)", "expires", "requests/s")
    for key in keys:
        expires = "expired" if key["expired"] else (key["expires"] or "never")[:16]
        table.add_row(key["name"], " ".join(key["scopes"]), key["created"][:16], expires, str(key["rate"] or "any"))
    Console().print(table if keys else "There is no key.")


@keys_app.command()
def revoke(name: Annotated[str, typer.Argument(help="Which key.")], data: DataOption = None) -> None:
    """Take a key back. Running services refuse it from their next request on."""
    key_file(data).revoke(name)
    typer.echo(f"The key {name} opens nothing any more.")


def key_file(data: Path | None) -> KeyFile:
    from api.middleware.api_keys import KeyFile
    from foundation.data_folder import DataFolder

    return KeyFile(DataFolder.resolve(data).keys_file)


def shown(key: Key) -> dict[str, Any]:
    """What may be told of a key."""
    told = key.as_dict() | {"expired": key.has_expired}
    del told["sha256"]
    return told


def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if missing.", show_default=False)],
    format: Annotated[
        Literal["webdataset", "parquet"], typer.Option(help="Tar shards that WebDataset reads, or Parquet.")
    ] = "webdataset",
    snapshot: Annotated[str, typer.Option(help="The snapshot to export from: an id, or latest.")] = "latest",
    epoch: Annotated[int, typer.Option(min=0, help="Which epoch of the order.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Decides the order.")] = 0,
    mix: Annotated[str, typer.Option(help="Kinds of pairs and their shares; the first sets the epoch.")] = MIX,
    negatives: Annotated[Literal["batch", "graph"], typer.Option(help="Where negatives come from.")] = "batch",
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Pairs among which negatives=batch looks.")] = 100,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs a file.")] = 1000,
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8477",
    api_key: Annotated[str | None, typer.Option(envvar="AFFINITY_API_KEY", help="The service's key, if any.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Write an epoch of triplets, pixels included, to files; an export that was cut goes on where it was."""
    from json import dumps

    from rich.console import Console
    from rich.progress import track

    from api.client.http import TripletClient
    from api.export import Export, files_of
    from api.export import export as write

    with TripletClient(url, api_key=api_key) as client:
        id = client.snapshot(snapshot)["id"]
        order = {"snapshot": id, "epoch": epoch, "seed": seed, "mix": mix, "negatives": negatives}
        wanted = Export(**order, format=format, batch=batch, pairs=pairs)
        files = files_of(client, wanted)
        for _ in track(write(client, wanted, files, folder), "export", len(files), console=Console(stderr=True)):
            pass
    about = {"folder": str(folder), "files": len(files), **order, "format": format}
    typer.echo(dumps(about) if json else f"Epoch {epoch} of snapshot {id}: {len(files)} files in {folder}")
