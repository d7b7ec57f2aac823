"""`affinity show`: contact sheets of what the graph holds, for people to judge."""

from __future__ import annotations

from contextlib import closing
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Draw contact sheets of what the graph holds.")

Out = Annotated[Path, typer.Option(help="The sheet to write: *.png or *.jpg.", show_default=False)]
SnapshotId = Annotated[str, typer.Option("--snapshot", help="The snapshot to look into: an id, or latest.")]
Count = Annotated[int, typer.Option(min=1, max=400, help="How many to show at most.")]
Video = Annotated[str | None, typer.Option(help="Only videos with this in their file name.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the choice: the same seed draws the same sheet.")]
Data = Annotated[Path | None, typer.Option(help="Data folder. Default: AFFINITY_DATA, else the platform's.")]
Json = Annotated[bool, typer.Option("--json", help="Print what is shown as one JSON object on stdout.")]


@app.command()
def patches(
    out: Out,
    snapshot: SnapshotId = "latest",
    count: Count = 24,
    video: Video = None,
    seed: Seed = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Starts: the crop, and where in its frame it was found."""
    show("patches", out, snapshot, count, video, seed, data, json)


@app.command()
def tracks(
    out: Out,
    snapshot: SnapshotId = "latest",
    count: Count = 24,
    video: Video = None,
    seed: Seed = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """INTRA: the start and the end of tracks, side by side."""
    show("tracks", out, snapshot, count, video, seed, data, json)


@app.command()
def children(
    out: Out,
    snapshot: SnapshotId = "latest",
    count: Count = 24,
    video: Video = None,
    seed: Seed = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """INTER: the four members of child clusters, with their similarity."""
    show("children", out, snapshot, count, video, seed, data, json)


@app.command()
def parents(
    out: Out,
    snapshot: SnapshotId = "latest",
    count: Count = 12,
    video: Video = None,
    seed: Seed = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """The largest parent clusters, with some of their members."""
    show("parents", out, snapshot, count, video, seed, data, json)


def show(
    what: str, out: Path, snapshot: str, count: int, video: str | None, seed: int, data: Path | None, as_json: bool
) -> None:
    """Draw one sheet and say what is on it."""
    from foundation.data_folder import DataFolder
    from graphdb.archive.reader import ArchiveReader
    from graphdb.connect import connect
    from graphdb.store.graph import GraphStore
    from ingest.contact_sheets import drawing
    from ingest.contact_sheets.panels import Panels
    from ingest.contact_sheets.selection import SHEETS, SheetBuilder

    drawing.check_destination(out)
    folder = DataFolder.resolve(data)
    with connect(folder, GraphStore) as store, closing(ArchiveReader(folder.archive)) as archive:
        found = store.snapshot(snapshot)
        sheet = SHEETS[what](SheetBuilder(store, Panels(archive), found, video, seed), count)
    image = drawing.draw(sheet)
    drawing.save(image, out)
    if as_json:
        shown = [panel.facts for panel in sheet.panels]
        body = {"snapshot": found.id, "sheet": str(out), "width": image.width, "height": image.height, what: shown}
        typer.echo(dumps(body))
    else:
        typer.echo(f"{out}: {sheet.details[-1]}")
