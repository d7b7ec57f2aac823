"""Video in, graph out. Reads in the order of the paper: mine and track, then describe, cluster, link and publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from foundation.data_folder import DataFolder
from graphdb.archive.writer import ArchiveWriter
from graphdb.connect import connect
from graphdb.store.connection import SECONDS
from graphdb.store.deletion import RemovalStore
from graphdb.store.graph import GraphStore
from ingest.clustering.builder import GraphBuilder, Starts
from ingest.engine.base import Engine
from ingest.engine.factory import open_engine
from ingest.errors import NothingIngested, OtherCrops, UnreadableVideo, shown
from ingest.features.factory import cached_extractor
from ingest.miner import mine_video
from ingest.progress import Report
from ingest.retention.forget import finish
from ingest.settings import IngestSettings, MiningSettings
from ingest.storage import store_video
from ingest.summary import Summary
from ingest.video.discovery import find_videos, video_id

FRAMES_UP_TO = 100_000
"""Patches in the graph from which whole frames are no longer kept, unless asked for."""


def ingest(paths: Sequence[Path], folder: DataFolder, settings: IngestSettings, report: Report) -> Summary:
    """Mine the videos among `paths`, and publish a snapshot of all that the graph holds then.

    Raises MissingPath, ArchiveLocked, GraphUnavailable, StoreMismatch, OtherCrops, and what `load_extractor` raises. A
    file that cannot be used is no error: it is skipped, and the summary says so. What was stored when a run is cut
    short is not done again by the next.
    """
    summary = Summary()
    if settings.engine == "ray":
        # Its workers stand in folders of their own.
        paths = [path.absolute() for path in paths]
    files = find_videos(paths)
    if settings.link:
        preflight(settings)
    with connect(folder, RemovalStore) as store, ArchiveWriter(folder.archive, store.shards) as archive:
        store.sweep_snapshots()
        with open_engine(settings, folder.root, [*paths, *settings.extractor.files]) as engine:
            finish(store.within(SECONDS), folder, archive, engine, report)
            require_crops(store, settings.mining)
            new = choose(name(files, engine, report, summary), store, settings, report, summary)
            mine(new, store, archive, folder, engine, settings, report, summary)
            if settings.link:
                publish(store, folder, engine, settings, report, summary)
    return summary


def cluster(folder: DataFolder, settings: IngestSettings, report: Report) -> Summary:
    """Describe, cluster, link and publish what was mined before."""
    summary = Summary()
    with connect(folder, RemovalStore) as store, ArchiveWriter(folder.archive, store.shards) as archive:
        store.sweep_snapshots()
        with open_engine(settings, folder.root, settings.extractor.files) as engine:
            finish(store.within(SECONDS), folder, archive, engine, report)
            publish(store, folder, engine, settings, report, summary)
    return summary


def preflight(settings: IngestSettings) -> None:
    """Find out before hours of mining what linking would lack after them: a library, an extractor, its weights."""
    import faiss  # noqa: F401

    cached_extractor(settings.extractor)


def require_crops(store: GraphStore, settings: MiningSettings) -> None:
    """Crops of a graph are of one size, which a batch of them needs. Raises OtherCrops."""
    if (other := store.other_crop(settings.crop_side)) is not None:
        raise OtherCrops(settings.crop_side, other)


def name(files: Sequence[Path], engine: Engine, report: Report, summary: Summary) -> dict[str, Path]:
    """The files by video id: the same bytes under two names are one video."""
    ids: dict[Path, str] = {}
    for path, id in report.stage("videos", engine.map(video_id, files), len(files)):
        if isinstance(id, Exception):
            skip(path, id, report, summary)
        else:
            ids[path] = id
    named: dict[str, Path] = {}
    for path in files:
        if path in ids:
            named.setdefault(ids[path], path)
    summary.copies = len(ids) - len(named)
    return named


def choose(
    named: dict[str, Path], store: GraphStore, settings: IngestSettings, report: Report, summary: Summary
) -> list[Path]:
    """The files to mine: those the graph does not know, and with `remine` those it knows under other settings."""
    known = store.videos()
    current = settings.mining.digest
    summary.known = sum(current in known.get(id, ()) for id in named)
    outdated = [path for id, path in named.items() if id in known and current not in known[id]]
    if outdated and not settings.remine:
        summary.outdated = outdated
        report.note(
            f"{len(outdated)} videos were mined with other settings, and are left as they are: "
            "--remine mines them again, and leaves older snapshots whole."
        )
        outdated = []
    return [path for id, path in named.items() if id not in known] + outdated


def mine(
    files: Sequence[Path],
    store: GraphStore,
    archive: ArchiveWriter,
    folder: DataFolder,
    engine: Engine,
    settings: IngestSettings,
    report: Report,
    summary: Summary,
) -> None:
    """Mine and track (Sec. 4.1, 4.3); each video is stored, pixels first, as soon as it is done."""
    keep = store.counts()["patches"] < FRAMES_UP_TO if settings.frames is None else settings.frames
    mining = replace(settings.mining, frames=keep)
    results = engine.map(partial(mine_video, settings=mining), files)
    for path, mined in report.stage("mining", results, len(files)):
        if isinstance(mined, Exception):
            skip(path, mined, report, summary)
            continue
        store_video(mined, mining, store, archive, folder.views)
        summary.add(path, mined, mining)
    summary.explain(mining, report)


def skip(path: Path, error: Exception, report: Report, summary: Summary) -> None:
    """A file that cannot be used is left out and named; any other error is not the file's, and is raised."""
    if not isinstance(error, UnreadableVideo):
        raise error
    summary.skipped.append((path, error.reason))
    report.say(f"skipped {shown(path)}: {error.reason}")


def publish(
    store: GraphStore,
    folder: DataFolder,
    engine: Engine,
    settings: IngestSettings,
    report: Report,
    summary: Summary,
) -> None:
    """Publish the videos that are not held out, if any are, and then all of them."""
    linker = GraphBuilder(store, folder, engine, settings.extractor, settings.clustering, report)
    frames = settings.mining.track_frames
    starts = store.tracked_starts(frames)
    if not starts and summary.skipped:
        report.note(f"Nothing to publish: no file could be used, and the graph holds no tracks of {frames} frames.")
        return
    if not starts:
        raise NothingIngested(frames)
    if settings.hold_out:
        training = apart(starts, settings, linker, report)
        summary.training = linker.publish(training, frames, hold_out=settings.hold_out)
    summary.snapshot = linker.publish(starts, frames, settings.refit and not settings.hold_out)


def apart(starts: Starts, settings: IngestSettings, linker: GraphBuilder, report: Report) -> Starts:
    """What to train on: the videos that are not held out, but for those that repeat the footage of one that is."""
    training = {video: entry for video, entry in starts.items() if not held_out(video, settings.hold_out)}
    if not any(ids for _, ids in training.values()):
        return training
    linker.describe(starts)
    original = linker.originals(linker.fit(training, settings.refit), starts)
    held = {original.get(video, video) for video in starts if video not in training}
    repeats = [video for video in training if original.get(video, video) in held]
    if repeats:
        report.note(f"Videos that repeat footage that is held out, and are kept out of training too: {len(repeats)}.")
    return {video: entry for video, entry in training.items() if video not in repeats}


def held_out(video: str, fraction: float) -> bool:
    """Whether the video is among the fraction kept from training: a property of its content, the same for ever."""
    return int(video, 16) < fraction * 2**64
