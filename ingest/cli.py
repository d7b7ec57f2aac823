"""`affinity ingest`, `affinity cluster`, `affinity forget`, `affinity graph quality` and `affinity graph prune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphdb.store.deletion import VideoUsage
    from ingest.report import Report, Summary

SKIPPED = 3
"""Exit status of an ingest that worked, but could not use some of the files."""

Data = Annotated[Path | None, typer.Option(help="Data folder. Default: AFFINITY_DATA, else the platform's.")]
TrackFrames = Annotated[int, typer.Option(min=1, help="Frames from the start of a track to its end. Paper: 30.")]
Features = Annotated[
    str,
    typer.Option(
        help="What clustering compares by: hog, or trunk:FILE, torchvision:NAME, timm:NAME; hog+ before it: both."
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights of a network asked for by name: safetensors or a state dict. Default: random ones."),
]
Crops = Annotated[
    Literal["gray", "color"] | None,
    typer.Option(help="What the extractor sees. Default: gray crops of one contrast for networks, color for hog."),
]
Parents = Annotated[int | None, typer.Option(min=1, help="k-means clusters. Paper: 5000. Default: by the data's size.")]
Members = Annotated[
    int | None, typer.Option(min=1, help="Starts a parent needs. Paper: 100. Default: by the data's size.")
]
Neighbors = Annotated[
    int | None, typer.Option(min=3, help="k of the mutual nearest neighbors. Paper: 10. Default: by the parent's size.")
]
SameVideo = Annotated[
    Literal["representative", "allow"],
    typer.Option(help="representative: a video competes once in a parent; allow: the literal paper."),
]
Whiten = Annotated[
    int | None,
    typer.Option(
        min=0, help="Dimensions to PCA-whiten features to; 0: not at all, the paper. Default: the extractor's."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the clustering.")]
HoldOut = Annotated[
    float,
    typer.Option(min=0, max=0.9, help="Fraction of the videos to keep out of a first snapshot, for training on it."),
]
Refit = Annotated[bool, typer.Option("--refit", help="Make new centroids instead of using those in force.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes. Default: one a core.")]
Engine = Annotated[
    Literal["local", "ray"], typer.Option(help="Where the work is done: this machine's processes, or Ray.")
]
Address = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="A running Ray cluster. Default: a Ray of its own, here.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of docs/ingest.md; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")]


def ingest(
    context: typer.Context,
    paths: Annotated[
        # What cannot be read is named beside the other files, not refused before them.
        list[Path],
        typer.Argument(help="Video files, or folders that hold some.", show_default=False, readable=False),
    ],
    data: Data = None,
    track_frames: TrackFrames = 30,
    features: Features = "hog",
    weights: Weights = None,
    crops: Crops = None,
    parents: Parents = None,
    members: Members = None,
    neighbors: Neighbors = None,
    same_video: SameVideo = "representative",
    whiten: Whiten = None,
    seed: Seed = 0,
    hold_out: HoldOut = 0.0,
    max_patches: Annotated[int, typer.Option(min=1, help="Starts of one video at most.")] = 8,
    motion: Annotated[
        Literal["flow", "trajectories"],
        typer.Option(help="flow: dense flow against the camera's motion; trajectories: the paper's feature points."),
    ] = "flow",
    frames: Annotated[
        bool | None,
        typer.Option("--frames/--no-frames", help="Keep whole frames. Default: yes, below 100,000 patches."),
    ] = None,
    remine: Annotated[bool, typer.Option("--remine", help="Mine videos again that have other settings.")] = False,
    refit: Refit = False,
    link: Annotated[bool, typer.Option("--link/--no-link", help="Cluster and publish after mining.")] = True,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    assignments: Assignments = None,
    json: Json = False,
) -> None:
    """Mine and track the patches of videos, link them, and publish a snapshot to train on."""
    from foundation.data_folder import DataFolder
    from ingest import pipeline
    from ingest.options import settings_of
    from ingest.report import Report

    report = Report()
    summary = pipeline.ingest(paths, DataFolder.resolve(data), settings_of(context.params, assignments or []), report)
    finish(summary, report, json)


def cluster(
    context: typer.Context,
    data: Data = None,
    track_frames: TrackFrames = 30,
    features: Features = "hog",
    weights: Weights = None,
    crops: Crops = None,
    parents: Parents = None,
    members: Members = None,
    neighbors: Neighbors = None,
    same_video: SameVideo = "representative",
    whiten: Whiten = None,
    seed: Seed = 0,
    hold_out: HoldOut = 0.0,
    refit: Refit = False,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    assignments: Assignments = None,
    json: Json = False,
) -> None:
    """Link what was mined before, and publish a snapshot."""
    from foundation.data_folder import DataFolder
    from ingest import pipeline
    from ingest.options import settings_of
    from ingest.report import Report

    report = Report()
    summary = pipeline.cluster(DataFolder.resolve(data), settings_of(context.params, assignments or []), report)
    finish(summary, report, json)


def finish(summary: Summary, report: Report, json: bool) -> None:
    """Show what was done, and say by the exit status whether a file was left out."""
    summary.show(report)
    if json:
        print(summary.as_json(report))
    if summary.skipped:
        raise typer.Exit(SKIPPED)


def quality(
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns video (name or end of its path), class, instance, lookalike."),
    ] = None,
    snapshot: Annotated[str, typer.Option(help="The snapshot to judge: an id, or latest.")] = "latest",
    data: Data = None,
    json: Json = False,
) -> None:
    """Judge the INTER edges of a snapshot: what they are like, and with labels whether they join one class, more often
    than by chance."""
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
        judged = label_agreement(store, id, labels) if labels else None
    console = Console(stderr=json)
    console.print(statistics_table(id, found))
    if judged:
        console.print(agreement_table(id, judged))
    if json:
        print(encoder.dumps({**statistics_json(found), **(asdict(judged) if judged else {}), "snapshot": id}))


def forget(
    videos: Annotated[
        list[str], typer.Argument(help="Files, addresses, ids, or beginnings of ids.", show_default=False)
    ],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Forget videos: their patches, pixels, features and edges. Snapshots that use them end, with successors."""
    from dataclasses import asdict
    from json import dumps

    from foundation.data_folder import DataFolder
    from ingest.report import Report
    from ingest.retention import forget

    report = Report()

    def agree(held: Sequence[VideoUsage]) -> bool:
        report.say(forget.confirmation_text(held))
        return yes or typer.confirm("Forget?", abort=True, err=True)

    done = forget.forget(videos, DataFolder.resolve(data), workers, report, agree)
    if json:
        print(dumps(asdict(done)))


def prune(
    data: Data = None,
    keep: Annotated[int, typer.Option(min=1, help="Snapshots to keep, the newest; any read within a day stay.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")] = False,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Delete what only old snapshots need: edges, tracks, patches, pixels, fits and features."""
    from json import dumps

    from foundation.data_folder import DataFolder
    from ingest.report import Report
    from ingest.retention import prune

    report = Report()
    plan = prune.prune(DataFolder.resolve(data), keep, dry_run, workers, report)
    report.say(plan.summary_text("Would be deleted" if dry_run else "Deleted"))
    if json:
        print(dumps({"kept": [one.id for one in plan.kept], "deleted": plan.counts()}))
