"""The summary of an ingest: what happened to each file, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from graphdb.model import Counts, Snapshot
from ingest.errors import shown
from ingest.rejections import Funnel
from ingest.reporting.mining_yield import lost, yield_text
from ingest.reporting.report import Report, counted
from ingest.settings import MiningSettings

if TYPE_CHECKING:
    from ingest.model import MinedVideo

MAX_NAMED = 10
"""Videos without a track that the summary names: there may be thousands."""


@dataclass
class Summary:
    """What happened to each file. Files that gave less than they could are named, with the reason."""

    mined: int = 0
    known: int = 0
    """Videos that the graph held already."""
    copies: int = 0
    """Files with the same bytes as another one."""
    tracks: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be used."""
    trackless: list[tuple[Path, str]] = field(default_factory=list)
    """Videos that were read and gave no track."""
    damaged: list[tuple[Path, int]] = field(default_factory=list)
    """Videos with damaged frames, and the number of these, which were left out."""
    outdated: list[Path] = field(default_factory=list)
    """Videos that were mined with other settings."""
    lost: Funnel = field(default_factory=Funnel)
    """Why the frames of the trackless videos gave no track."""
    minutes: float = 0.0
    """Duration of the videos that were mined."""
    funnel: Funnel = field(default_factory=Funnel)
    """What became of the frames, the things and the starts of all videos that were mined."""
    snapshot: Snapshot | None = None
    training: Snapshot | None = None
    """The snapshot without the videos that are held out, if any are."""

    def add(self, path: Path, video: MinedVideo, settings: MiningSettings) -> None:
        """Count a video that was mined."""
        self.mined += 1
        self.tracks += len(video.tracks)
        self.minutes += video.duration / 60
        self.funnel += video.funnel
        if not video.tracks:
            self.trackless.append((path, video.funnel.explain(settings)))
            self.lost += video.funnel
        if video.funnel.corrupt:
            self.damaged.append((path, video.funnel.corrupt))

    def explain(self, settings: MiningSettings, report: Report) -> None:
        """Note what mining found in the footage, how many videos gave less than they could, and why."""
        if self.mined:
            report.note(yield_text(self.minutes, self.funnel, settings))
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
            "minutes": round(self.minutes, 2),
            "lost": {str(reason): count for reason, count in lost(self.funnel).most_common()},
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
        """Print the counts and what was not printed before: skipped files and notes were, when they occurred."""
        skipped = f"{len(self.skipped)} skipped" + (" (named above)" if self.skipped else "")
        report.say(
            f"{counted(self.mined, 'video')} mined, {self.known} known already, "
            f"{counted(self.copies, 'copy', 'copies')} of another, {skipped}; {counted(self.tracks, 'new track')}."
        )
        for path, reason in self.trackless[:MAX_NAMED]:
            report.say(f"  no track in {shown(path)}: {reason}")
        if len(self.trackless) > MAX_NAMED:
            report.say(f"  no track in {counted(len(self.trackless) - MAX_NAMED, 'other')}, named with --json")
        if self.snapshot:
            report.console.print(snapshot_table(self.snapshot, self.training))


def snapshot_json(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    counts = asdict(snapshot.counts) | {"transitive": snapshot.counts.transitive}
    return {"id": snapshot.id, "fit": snapshot.fit, "frames": snapshot.frames, "counts": counts}


def snapshot_table(snapshot: Snapshot, training: Snapshot | None) -> Table:
    """Make a table of the counts of a snapshot, beside those of the training snapshot where videos are held out."""
    columns = {"snapshot": snapshot} if training is None else {"training snapshot": training, "all videos": snapshot}
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading, each in columns.items():
        table.add_column(f"{heading}\n{each.id}", justify="right")
    for name in [*Counts.__dataclass_fields__, "transitive"]:
        table.add_row(name, *(f"{getattr(each.counts, name):,}" for each in columns.values()))
    return table
