"""Prune: keep the newest snapshots, and delete all that only the others need.

Every step can be interrupted; the next prune deletes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foundation.data_folder import DataFolder
from foundation.files import wrap_os_errors
from graphdb.connect import connect
from graphdb.maintenance.compaction import compact, dead_bytes
from graphdb.model import Snapshot
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.deletion import RemovalStore, UnusedSegment
from ingest.clustering.cluster_model import load_model, model_path
from ingest.context import Context, open_context
from ingest.engine.local import LocalEngine
from ingest.errors import DamagedClusterModel
from ingest.features.storage import segment_of
from ingest.reporting.report import Report
from ingest.retention.forget import finish_forgetting


@dataclass(frozen=True)
class Plan:
    """What is kept and what is deleted; `dead` are the unused bytes of the archive by shard."""

    kept: Sequence[Snapshot]
    snapshots: Sequence[Snapshot]
    edges: Sequence[UnusedSegment]
    tracks: Sequence[UnusedSegment]
    fits: Sequence[str]
    """Ids of cluster models."""
    features: Sequence[Path]
    """Feature files that no kept model uses, or whose tracks are deleted."""
    dead: dict[str, int]

    def counts(self) -> dict[str, int]:
        """Count what is deleted."""
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

    def summary_text(self, verb: str) -> str:
        """Say what is kept, and what is deleted; `verb` is, say, `Deleted` or `Would be deleted`."""
        deleted = ", ".join(f"{what} {count:,}" for what, count in self.counts().items() if count)
        kept = ", ".join(snapshot.id for snapshot in self.kept)
        return f"Kept snapshots: {kept or 'none'}.\n{verb}: {deleted or 'nothing'}."


def prune(folder: DataFolder, keep: int, dry_run: bool, workers: int | None, report: Report) -> Plan:
    """Keep the newest `keep` snapshots and those read within a day; delete all that only others need.

    With `dry_run`, only plan. Raises ArchiveLocked, DamagedArchive, and what the graph raises.
    """
    if dry_run:
        with connect(folder, RemovalStore, timeout=WHOLE_GRAPH_SECONDS) as store:
            return make_plan(store, folder, keep)
    with open_context(folder, LocalEngine(workers), report, timeout=WHOLE_GRAPH_SECONDS) as context:
        finish_forgetting(context)
        plan = make_plan(context.store, folder, keep)
        return replace(plan, dead=execute(plan, context))


def make_plan(store: RemovalStore, folder: DataFolder, keep: int) -> Plan:
    """Find what no kept snapshot needs; change nothing."""
    living = store.snapshots_read()
    kept = [snapshot for number, (snapshot, read) in enumerate(living) if number < keep or read]
    unused = store.unused_segments([snapshot.id for snapshot in kept])
    needed = {snapshot.fit for snapshot in kept if snapshot.fit} | current_fits(folder.fits)
    stored = {*store.fits(), *(path.stem for path in folder.fits.glob("*.npz"))}
    tracks = [segment for segment in unused if segment.kind == "intra"]
    return Plan(
        kept=kept,
        snapshots=[snapshot for snapshot, _ in living if snapshot not in kept],
        edges=[segment for segment in unused if segment.kind == "inter"],
        tracks=tracks,
        fits=sorted(stored - needed),
        features=unused_features(folder, needed, store.intra_segments() - {segment.id for segment in tracks}),
        dead=dead_bytes(store),
    )


def current_fits(folder: Path) -> set[str]:
    """Return the ids of the cluster models that new videos are assigned by."""
    return {path.read_text(errors="replace").strip() for path in folder.glob("*.current")}


def unused_features(folder: DataFolder, fits: set[str], segments: set[str]) -> list[Path]:
    """Find the feature files that none of these cluster models uses, or that belong to none of these segments."""
    used = used_extractors(folder, fits)
    files = folder.features.glob("*/*.npy")
    return sorted(path for path in files if path.parent.name not in used or segment_of(path) not in segments)


def used_extractors(folder: DataFolder, fits: set[str]) -> set[str]:
    """Return the digests of the extractors of these cluster models; of all extractors where a model is damaged."""
    try:
        used = {load_model(folder.fits, fit).extractor for fit in fits}
    except DamagedClusterModel:
        used = set()
    # Without a model, the features may belong to an ingest that was interrupted before it fitted one.
    return used or {path.name for path in folder.features.glob("*/")}


def execute(plan: Plan, context: Context) -> dict[str, int]:
    """Delete what is planned, and return the bytes that each shard of the archive gave back.

    Edges are deleted before tracks, and tracks before pixels, so that nothing ever points to what is deleted.
    """
    store, folder, report = context.store, context.folder, context.report
    for snapshot in plan.snapshots:
        store.end_snapshot(snapshot.id, find_successor(snapshot, plan.kept))
    for segments, stage in ((plan.edges, "edges"), (plan.tracks, "tracks")):
        steps = store.delete_segments(segments)
        for _ in report.stage(stage, (one for count in steps for one in range(count)), len(segments)):
            pass
    for fit in report.stage("fits", plan.fits, len(plan.fits)):
        for _ in store.delete_fit(fit):
            pass
        with wrap_os_errors(model_path(folder.fits, fit)):
            model_path(folder.fits, fit).unlink(missing_ok=True)
    store.sweep_parents()
    for path in report.stage("features", plan.features, len(plan.features)):
        delete_feature_file(path)
    dead = dead_bytes(store)
    for _ in report.stage("pixels", compact(store, context.archive, folder.archive, dead), len(dead)):
        pass
    return dead


def find_successor(snapshot: Snapshot, kept: Sequence[Snapshot]) -> str | None:
    """Return the newest kept snapshot with tracks of the same length and the same videos held out."""

    def purpose(one: Snapshot) -> tuple[int, object]:
        return one.frames, one.settings.get("hold_out")

    return next((one.id for one in kept if purpose(one) == purpose(snapshot)), None)


def delete_feature_file(path: Path) -> None:
    """Delete a feature file, and its folder with the last one."""
    with wrap_os_errors(path):
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
