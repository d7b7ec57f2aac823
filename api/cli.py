"""`affinity serve` and `affinity export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

MIX = "transitive:7,intra:2"
"""The paper's (Sec. 6)."""
DataOption = Annotated[Path | None, typer.Option(help="Data folder. Default: AFFINITY_DATA, else the user's.")]


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than this machine's needs AFFINITY_API_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)] = 8477,
    data: DataOption = None,
    json: Annotated[bool, typer.Option("--json", help="Say where it listens as one JSON object.")] = False,
) -> None:
    """Serve triplets, snapshots and patches over HTTP until stopped (Ctrl-C, SIGTERM)."""
    from api.server import run
    from api.settings import ServiceSettings

    run(ServiceSettings.from_environment(data, host, port), lambda url: announce(url, json))


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

    from api.client import TripletClient
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


def announce(url: str, as_json: bool) -> None:
    """Say on stdout where the service listens."""
    from json import dumps

    typer.echo(dumps({"url": url, "docs": f"{url}/docs"}) if as_json else f"Serving {url} (API: {url}/docs)")
