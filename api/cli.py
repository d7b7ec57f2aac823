"""`affinity serve`, `affinity keys` and `affinity export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from api.settings import ServiceSettings
from api.wire.query import DEFAULT_MIX
from foundation.options import NONE_GIVEN, ApiKey, Data, Given, Json, within
from foundation.settings import Limits

if TYPE_CHECKING:
    from api.middleware.api_keys import Key, KeyFile

MAX_DAYS = 36_500
KeyName = Annotated[str, Parameter(help="Name of the key in lists and logs.")]
NOT_NEGATIVE = within(Limits(ge=0))
POSITIVE = within(Limits(ge=1))


def serve(*, service: Given[ServiceSettings] = NONE_GIVEN, data: Data = None, json: Json = False) -> None:
    from api.server.main import run

    run(ServiceSettings.from_environment(data, **service), lambda url: announce(url, json))


def announce(url: str, as_json: bool) -> None:
    """Print the address that the service listens on."""
    from json import dumps

    print(dumps({"url": url, "docs": f"{url}/docs"}) if as_json else f"Serving {url} (API: {url}/docs)", flush=True)


def create_key(
    name: KeyName,
    /,
    *,
    scope: Annotated[
        list[str] | None,
        Parameter(help="read: snapshots, triplets and patches; admin: /metrics. May be repeated. Default: read."),
    ] = None,
    days: Annotated[
        float | None, Parameter(help="Days until the key expires. Default: never.", validator=NOT_NEGATIVE)
    ] = None,
    rate: Annotated[float | None, Parameter(help="Largest number of requests per second. Default: no limit.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    from datetime import UTC, datetime, timedelta
    from json import dumps

    expires = None if days is None else datetime.now(UTC) + timedelta(days=min(days, MAX_DAYS))
    key, token = key_file(data).create(name, scope or ("read",), expires, rate)
    print(dumps({"key": token, **shown(key)}) if json else token)
    if not json:
        print(f"The key {name} is shown this once; the data folder keeps a digest of it.", file=sys.stderr)


def list_keys(*, data: Data = None, json: Json = False) -> None:
    from json import dumps

    keys = [shown(key) for key in key_file(data).read()]
    if json:
        print(dumps({"keys": keys}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "scopes", "created (UTC)", "expires", "requests/s")
    for key in keys:
        expires = "expired" if key["expired"] else (key["expires"] or "never")[:16]
        table.add_row(key["name"], " ".join(key["scopes"]), key["created"][:16], expires, str(key["rate"] or "any"))
    Console().print(table if keys else "There is no key.")


def revoke_key(name: KeyName, /, *, data: Data = None) -> None:
    key_file(data).revoke(name)
    print(f"The key {name} opens nothing any more.")


def key_file(data: Path | None) -> KeyFile:
    from api.middleware.api_keys import KeyFile
    from foundation.data_folder import DataFolder

    return KeyFile(DataFolder.resolve(data).keys_file)


def shown(key: Key) -> dict[str, Any]:
    """The facts about a key that are not secret."""
    facts = key.as_dict() | {"expired": key.has_expired}
    del facts["sha256"]
    return facts


def export(
    folder: Annotated[Path, Parameter(help="Folder for the files; it is made if it is missing.")],
    /,
    *,
    format: Annotated[
        Literal["webdataset", "parquet"], Parameter(help="Tar shards that WebDataset reads, or Parquet.")
    ] = "webdataset",
    snapshot: Annotated[str, Parameter(help="Snapshot to export from: an id, or latest.")] = "latest",
    epoch: Annotated[int, Parameter(help="Epoch of the order to export.", validator=NOT_NEGATIVE)] = 0,
    seed: Annotated[int, Parameter(help="Seed of the order.", validator=NOT_NEGATIVE)] = 0,
    mix: Annotated[
        str, Parameter(help="Kinds of pairs and their shares; the first kind sets the length of an epoch.")
    ] = DEFAULT_MIX,
    negatives: Annotated[
        Literal["batch", "graph"], Parameter(help="Where negatives are drawn from: the same batch, or the whole graph.")
    ] = "batch",
    batch: Annotated[
        int, Parameter(help="Pairs of a batch, for --negatives batch.", validator=within(Limits(ge=1, le=4096)))
    ] = 100,
    pairs_per_file: Annotated[int, Parameter(help="Pairs in each file.", validator=POSITIVE)] = 1000,
    url: Annotated[str, Parameter(help="Address of the service.")] = "http://127.0.0.1:8477",
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    from json import dumps

    from rich.console import Console
    from rich.progress import track

    from api.client.http import TripletClient
    from api.export import Export, files_of
    from api.export import export as write

    with TripletClient(url, api_key=api_key) as client:
        id = client.snapshot(snapshot)["id"]
        order = {"snapshot": id, "epoch": epoch, "seed": seed, "mix": mix, "negatives": negatives}
        wanted = Export(**order, format=format, batch=batch, pairs=pairs_per_file)
        files = files_of(client, wanted)
        for _ in track(write(client, wanted, files, folder), "export", len(files), console=Console(stderr=True)):
            pass
    about = {"folder": str(folder), "files": len(files), **order, "format": format}
    print(dumps(about) if json else f"Epoch {epoch} of snapshot {id}: {len(files)} files in {folder}")
