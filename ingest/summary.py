"""What an ingest did, for people on stderr and for programs on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from graphdb.model import Counts, Snapshot
from ingest.report import Report


@dataclass
class Summary:
    """`skipped` are the files that could not be used, each with the reason; `outdated` have other mining settings."""

    mined: int = 0
    known: int = 0
    copies: int = 0
    tracks: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    outdated: list[Path] = field(default_factory=list)
    snapshot: Snapshot | None = None
    training: Snapshot | None = None
    """Where some videos are held out: the snapshot of the others."""

    def as_json(self, report: Report) -> str:
        body: dict[str, Any] = {
            "mined": self.mined,
            "known": self.known,
            "copies": self.copies,
            "tracks": self.tracks,
            "skipped": [{"path": str(path), "reason": reason} for path, reason in self.skipped],
            "outdated": [str(path) for path in self.outdated],
            "snapshot": snapshot_json(self.snapshot),
            "training": snapshot_json(self.training),
            "notes": report.notes,
            "seconds": {name: round(seconds, 2) for name, seconds in report.seconds.items()},
        }
        return json.dumps(body)

    def show(self, report: Report) -> None:
        report.say(
            f"{self.mined} videos mined, {self.known} known already, {self.copies} copies of another, "
            f"{len(self.skipped)} skipped; {self.tracks} new tracks."
        )
        for path, reason in self.skipped:
            report.say(f"  skipped {path}: {reason}")
        for note in report.notes:
            report.say(f"  note: {note}")
        if self.snapshot:
            report.console.print(snapshot_table(self.snapshot, self.training))


def snapshot_json(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    counts = asdict(snapshot.counts) | {"transitive": snapshot.counts.transitive}
    return {"id": snapshot.id, "fit": snapshot.fit, "frames": snapshot.frames, "counts": counts}


def snapshot_table(snapshot: Snapshot, training: Snapshot | None) -> Table:
    """The counts of a snapshot, beside those of the training snapshot where videos are held out."""
    table = Table(box=None, pad_edge=False)
    shown = (
        [(snapshot, "snapshot")] if training is None else [(training, "training snapshot"), (snapshot, "all videos")]
    )
    table.add_column("")
    for each, role in shown:
        table.add_column(f"{role}\n{each.id}", justify="right")
    for name in [*Counts.__dataclass_fields__, "transitive"]:
        table.add_row(name, *(f"{getattr(each.counts, name):,}" for each, _ in shown))
    return table


@contextmanager
def resumable(report: Report) -> Iterator[None]:
    """Ctrl-C and SIGTERM say how to go on."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as end:
        report.say("Interrupted. What was stored is kept: run the same command again to go on.")
        raise typer.Exit(130 if isinstance(end, KeyboardInterrupt) else 143) from None
