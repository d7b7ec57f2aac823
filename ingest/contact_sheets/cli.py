"""`affinity show`: contact sheets of what the graph holds, for people to look at."""

from __future__ import annotations

from contextlib import closing
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from foundation.options import Data, Json, within
from foundation.settings import Limits

Kind = Literal["patches", "tracks", "children", "parents"]
KIND_HELP = (
    "patches: the crops of starts, and their places in the frames. tracks: start and end of tracks (INTRA). "
    "children: the members of child clusters, with their similarity (INTER). parents: the largest parent clusters, "
    "with some of their members."
)
COUNTS: dict[Kind, int] = {"patches": 24, "tracks": 24, "children": 24, "parents": 12}
"""How many a sheet shows if the command names no number."""


def show(
    kind: Annotated[Kind, Parameter(help=KIND_HELP)],
    /,
    *,
    out: Annotated[Path, Parameter(help="File of the sheet: *.png or *.jpg.")],
    snapshot: Annotated[str, Parameter(help="Snapshot to show: an id, or latest.")] = "latest",
    count: Annotated[
        int | None,
        Parameter(help="Largest number to show. Default: 24, for parents 12.", validator=within(Limits(ge=1, le=400))),
    ] = None,
    video: Annotated[str | None, Parameter(help="Only videos with this text in their file name.")] = None,
    by: Annotated[
        Literal["video", "shot", "thing"],
        Parameter(help="What patches and tracks are spread over: one of each comes first, then a second of each."),
    ] = "video",
    seed: Annotated[
        int, Parameter(help="Seed of the choice: the same seed draws the same sheet.", validator=within(Limits(ge=0)))
    ] = 0,
    data: Data = None,
    json: Json = False,
) -> None:
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
        builder = SheetBuilder(store, Panels(archive), found, video, seed, by)
        sheet = SHEETS[kind](builder, count or COUNTS[kind])
    image = drawing.draw(sheet)
    drawing.save(image, out)
    if json:
        facts = [panel.facts for panel in sheet.panels]
        body = {"snapshot": found.id, "sheet": str(out), "width": image.width, "height": image.height, kind: facts}
        print(dumps(body))
    else:
        print(f"{out}: {sheet.details[-1]}")
