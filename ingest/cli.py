"""`affinity ingest`, `affinity cluster`, `affinity forget`, `affinity graph quality` and `affinity graph prune`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from foundation.options import NONE_GIVEN, Data, Given, Json, Yes, confirm, option_of, within
from foundation.settings import Limits
from ingest.settings import ClusterSettings, IngestSettings, LinkSettings, MiningSettings, with_preset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphdb.store.deletion import VideoUsage
    from ingest.reporting.report import Report
    from ingest.reporting.summary import Summary

SKIPPED = 3
"""Exit status of an ingest that worked, but could not use some of the files."""
TRACK_FRAMES = MiningSettings().track_frames

Workers = Annotated[int | None, option_of(LinkSettings, "workers")]


def ingest(
    *paths: Annotated[Path, Parameter(help="Video files, or folders of video files.", required=True)],
    preset: Annotated[
        Literal["paper"] | None,
        Parameter(
            help="Settings of mining that go together; options that are given win. paper: the recipe of the paper, "
            "--motion trajectories --max-patches 100."
        ),
    ] = None,
    run: Given[IngestSettings] = NONE_GIVEN,
    clustering: Given[ClusterSettings] = NONE_GIVEN,
    mining: Given[MiningSettings] = NONE_GIVEN,
    data: Data = None,
    json: Json = False,
) -> int:
    from foundation.data_folder import DataFolder
    from ingest import pipeline
    from ingest.reporting.report import Report

    settings = IngestSettings(mining=with_preset(preset, mining), clustering=ClusterSettings(**clustering), **run)
    report = Report()
    return finish(pipeline.ingest(list(paths), DataFolder.resolve(data), settings, report), report, json)


def cluster(
    *,
    run: Given[LinkSettings] = NONE_GIVEN,
    track_frames: Annotated[int, option_of(MiningSettings, "track_frames")] = TRACK_FRAMES,
    clustering: Given[ClusterSettings] = NONE_GIVEN,
    data: Data = None,
    json: Json = False,
) -> int:
    from foundation.data_folder import DataFolder
    from ingest import pipeline
    from ingest.reporting.report import Report

    mining = MiningSettings(track_frames=track_frames)
    settings = IngestSettings(mining=mining, clustering=ClusterSettings(**clustering), **run)
    report = Report()
    return finish(pipeline.cluster(DataFolder.resolve(data), settings, report), report, json)


def finish(summary: Summary, report: Report, json: bool) -> int:
    """Print the summary. The exit status tells whether a file was skipped."""
    summary.show(report)
    if json:
        print(summary.as_json(report))
    return SKIPPED if summary.skipped else 0


def quality(
    *,
    labels: Annotated[
        Path | None,
        Parameter(help="CSV with the columns video (a file name, or the end of its path), class, instance, lookalike."),
    ] = None,
    snapshot: Annotated[str, Parameter(help="Snapshot to measure: an id, or latest.")] = "latest",
    data: Data = None,
    json: Json = False,
) -> None:
    import json as encoder
    from dataclasses import asdict

    from rich.console import Console

    from foundation.data_folder import DataFolder
    from graphdb.connect import connect
    from graphdb.store.graph import GraphStore
    from ingest.quality.edge_statistics import edge_statistics
    from ingest.quality.label_agreement import label_agreement
    from ingest.quality.tables import agreement_table, statistics_json, statistics_table

    folder = DataFolder.resolve(data)
    with connect(folder, GraphStore) as store:
        id = store.snapshot(snapshot).id
        found = edge_statistics(store, id, folder)
        agreement = label_agreement(store, id, labels) if labels else None
    console = Console(stderr=json)
    console.print(statistics_table(id, found))
    if agreement:
        console.print(agreement_table(id, agreement))
    if json:
        print(encoder.dumps({**statistics_json(found), **(asdict(agreement) if agreement else {}), "snapshot": id}))


def forget(
    *videos: Annotated[str, Parameter(help="Files, addresses, ids, or the first characters of ids.", required=True)],
    data: Data = None,
    yes: Yes = False,
    workers: Workers = None,
    json: Json = False,
) -> int:
    from dataclasses import asdict
    from json import dumps

    from foundation.data_folder import DataFolder
    from ingest.reporting.report import Report
    from ingest.retention import forget

    report = Report()
    refused = False

    def agree(held: Sequence[VideoUsage]) -> bool:
        nonlocal refused
        report.say(forget.confirmation_text(held))
        refused = not (yes or confirm("Forget?"))
        return not refused

    done = forget.forget(videos, DataFolder.resolve(data), workers, report, agree)
    if refused:
        print("Nothing was deleted.", file=sys.stderr)
        return 1
    if json:
        print(dumps(asdict(done)))
    return 0


def prune(
    *,
    data: Data = None,
    keep: Annotated[
        int,
        Parameter(
            help="Newest snapshots to keep; a snapshot that was read in the last day stays too.",
            validator=within(Limits(ge=1)),
        ),
    ] = 2,
    dry_run: Annotated[
        bool, Parameter(help="Print what would be deleted, and delete nothing.", negative=(), show_default=False)
    ] = False,
    workers: Workers = None,
    json: Json = False,
) -> None:
    from json import dumps

    from foundation.data_folder import DataFolder
    from ingest.reporting.report import Report
    from ingest.retention import prune

    report = Report()
    plan = prune.prune(DataFolder.resolve(data), keep, dry_run, workers, report)
    report.say(plan.summary_text("Would be deleted" if dry_run else "Deleted"))
    if json:
        print(dumps({"kept": [one.id for one in plan.kept], "deleted": plan.counts()}))
