"""What an ingest did, for people on stderr and for programs on stdout."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from graphdb.model import Counts, Snapshot
from ingest.errors import shown
from ingest.progress import Report
from ingest.rejections import Funnel
from ingest.settings import MiningSettings

if TYPE_CHECKING:
    from ingest.model import MinedVideo

NAMED = 10
"""Videos without a track that people see by name: there may be thousands."""


@dataclass
class Summary:
    """What became of each file; those that gave less than they could are named, with the reason."""

    mined: int = 0
    known: int = 0
    copies: int = 0
    tracks: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be used."""
    trackless: list[tuple[Path, str]] = field(default_factory=list)
    """Videos that were read, and gave no track."""
    damaged: list[tuple[Path, int]] = field(default_factory=list)
    """Videos with damaged frames, which were left out, and how many of them."""
    outdated: list[Path] = field(default_factory=list)
    """Videos that were mined with other settings."""
    lost: Funnel = field(default_factory=Funnel)
    """What became of the frames of the trackless ones."""
    snapshot: Snapshot | None = None
    training: Snapshot | None = None
    """Where some videos are held out: the snapshot of the others."""

    def add(self, path: Path, video: MinedVideo, settings: MiningSettings) -> None:
        """Count a video that was mined."""
        self.mined += 1
        self.tracks += len(video.tracks)
        if not video.tracks:
            self.trackless.append((path, video.funnel.explain(settings)))
            self.lost += video.funnel
        if video.funnel.corrupt:
            self.damaged.append((path, video.funnel.corrupt))

    def explain(self, settings: MiningSettings, report: Report) -> None:
        """Note how many videos gave less than they could, and why."""
        if self.trackless:
            report.note(f"{len(self.trackless)} of {self.mined} videos gave no track: {self.lost.explain(settings)}.")
        if self.damaged:
            frames = sum(count for _, count in self.damaged)
            report.note(f"{len(self.damaged)} of {self.mined} videos hold damaged frames; {frames} were left out.")

    def as_json(self, report: Report) -> str:
        body: dict[str, Any] = {
            "mined": self.mined,
            "known": self.known,
            "copies": self.copies,
            "tracks": self.tracks,
            "skipped": [{"path": str(path), "reason": reason} for path, reason in self.skipped],
            "trackless": [{"path": str(path), "reason": reason} for path, reason in self.trackless],
            "damaged": [{"path": str(path), "frames": frames} for path, frames in self.damaged],
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
            report.say(f"  skipped {shown(path)}: {reason}")
        for path, reason in self.trackless[:NAMED]:
            report.say(f"  no track in {shown(path)}: {reason}")
        if len(self.trackless) > NAMED:
            report.say(f"  no track in {len(self.trackless) - NAMED} others, which --json names")
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
