"""`affinity serve`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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


def announce(url: str, as_json: bool) -> None:
    """Say on stdout where the service listens."""
    from json import dumps

    typer.echo(dumps({"url": url, "docs": f"{url}/docs"}) if as_json else f"Serving {url} (API: {url}/docs)")
