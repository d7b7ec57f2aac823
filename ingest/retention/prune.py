"""Prune: delete what no snapshot needs that is kept, in steps that can be cut and done again by the next run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foundation.data_folder import DataFolder
from foundation.files import wrap_os_errors
from graphdb.archive.writer import ArchiveWriter
from graphdb.connect import connect
from graphdb.maintenance.compaction import compact, dead_bytes
from graphdb.model import Snapshot
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.deletion import RemovalStore, UnusedSegment
from ingest.clustering.cluster_model import fit_path, load_fit
from ingest.engine.local import LocalEngine
from ingest.errors import DamagedFit
from ingest.features.storage import segment_of
from ingest.progress import Report
from ingest.retention.forget import finish


@dataclass(frozen=True)
class Plan:
    """What goes; `dead` are bytes of the archive by shard that nothing points to already."""

    kept: Sequence[Snapshot]
    snapshots: Sequence[Snapshot]
    edges: Sequence[UnusedSegment]
    tracks: Sequence[UnusedSegment]
    fits: Sequence[str]
    features: Sequence[Path]
    """Files of features that no fit uses, or of tracks that go or are gone."""
    dead: dict[str, int]

    def counts(self) -> dict[str, int]:
        """How much goes, in the words that people read."""
        return {
            "snapshots": len(self.snapshots),
            "segments": len(self.edges) + len(self.tracks),
            "inter": sum(segment.count for segment in self.edges),
            "children": sum(segment.children for segment in self.edges),
            "intra": sum(segment.count for segment in self.tracks),
            "fits": len(self.fits),
            "feature files": len(self.features),
            "bytes in the archive": sum(self.dead.values()),
        }

    def told(self, verb: str) -> str:
        gone = ", ".join(f"{count:,} {what}" for what, count in self.counts().items() if count)
        kept = ", ".join(snapshot.id for snapshot in self.kept) or "no snapshot"
        return f"Kept: {kept}.\n{gone or 'Nothing'} {verb}."


def prune(folder: DataFolder, keep: int, dry_run: bool, workers: int | None, report: Report) -> Plan:
    """Keep the newest `keep` snapshots and those read within a day; delete all that only others need.

    With `dry_run`, say what would go. Raises ArchiveLocked, DamagedArchive, and what the graph raises.
    """
    with connect(folder, RemovalStore, timeout=WHOLE_GRAPH_SECONDS) as store:
        if dry_run:
            return plan(store, folder, keep)
        with ArchiveWriter(folder.archive, store.shards) as archive, LocalEngine(workers) as engine:
            store.sweep_snapshots()
            finish(store, folder, archive, engine, report)
            planned = plan(store, folder, keep)
            return replace(planned, dead=carry_out(planned, store, folder, archive, report))


def plan(store: RemovalStore, folder: DataFolder, keep: int) -> Plan:
    """Look at what goes; nothing is changed."""
    living = store.snapshots_read()
    kept = [snapshot for number, (snapshot, read) in enumerate(living) if number < keep or read]
    unused = store.unused_segments([snapshot.id for snapshot in kept])
    needed = {snapshot.fit for snapshot in kept if snapshot.fit} | in_force(folder.fits)
    made = {*store.fits(), *(path.stem for path in folder.fits.glob("*.npz"))}
    tracks = [segment for segment in unused if segment.kind == "intra"]
    return Plan(
        kept=kept,
        snapshots=[snapshot for snapshot, _ in living if snapshot not in kept],
        edges=[segment for segment in unused if segment.kind == "inter"],
        tracks=tracks,
        fits=sorted(made - needed),
        features=unused_features(folder, needed, store.intra_segments() - {segment.id for segment in tracks}),
        dead=dead_bytes(store),
    )


def in_force(fits: Path) -> set[str]:
    """The fits that new videos are placed by."""
    return {path.read_text(errors="replace").strip() for path in fits.glob("*.current")}


def unused_features(folder: DataFolder, fits: set[str], segments: set[str]) -> list[Path]:
    """The files of features that none of these fits was made from, or of none of these segments of tracks."""
    used = used_extractors(folder, fits)
    files = folder.features.glob("*/*.npy")
    return sorted(path for path in files if path.parent.name not in used or segment_of(path) not in segments)


def used_extractors(folder: DataFolder, fits: set[str]) -> set[str]:
    """The folders of features that these fits were made from; all of them where a fit cannot tell."""
    try:
        used = {load_fit(folder.fits, fit).extractor for fit in fits}
    except DamagedFit:
        used = set()
    # Features without any fit are what an ingest was about to cluster.
    return used or {path.name for path in folder.features.glob("*/")}


def carry_out(
    planned: Plan, store: RemovalStore, folder: DataFolder, archive: ArchiveWriter, report: Report
) -> dict[str, int]:
    """Delete what was planned, edges before tracks and tracks before pixels: nothing ever points to what is gone.

    The bytes that each shard gave back.
    """
    for snapshot in planned.snapshots:
        store.end_snapshot(snapshot.id, successor(snapshot, planned.kept))
    for segments, stage in ((planned.edges, "edges"), (planned.tracks, "tracks")):
        steps = store.delete_segments(segments)
        for _ in report.stage(stage, (one for count in steps for one in range(count)), len(segments)):
            pass
    for fit in report.stage("fits", planned.fits, len(planned.fits)):
        for _ in store.delete_fit(fit):
            pass
        with wrap_os_errors(fit_path(folder.fits, fit)):
            fit_path(folder.fits, fit).unlink(missing_ok=True)
    store.sweep_parents()
    for path in report.stage("features", planned.features, len(planned.features)):
        delete_features(path)
    dead = dead_bytes(store)
    for _ in report.stage("pixels", compact(store, archive, folder.archive, dead), len(dead)):
        pass
    return dead


def successor(snapshot: Snapshot, kept: Sequence[Snapshot]) -> str | None:
    """The newest kept snapshot that may take another's place: with tracks as long, and the same videos held out."""
    alike = [one for one in kept if promise(one) == promise(snapshot)]
    return alike[0].id if alike else None


def promise(snapshot: Snapshot) -> tuple[int, object]:
    return snapshot.frames, snapshot.settings.get("hold_out")


def delete_features(path: Path) -> None:
    """Delete a file of features, and its folder with the last of them."""
    with wrap_os_errors(path):
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
