"""The pipeline of the paper: mine and track videos, extract features, cluster, link, and publish a snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from foundation.data_folder import DataFolder
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from ingest.clustering.builder import GraphBuilder, Starts
from ingest.context import Context, open_context
from ingest.engine.factory import open_engine
from ingest.errors import IngestError, UnreadableVideo, shown
from ingest.features.factory import cached_extractor
from ingest.miner import join, mine_segment, mining_tasks
from ingest.model import MinedSegment, MiningTask
from ingest.reporting.progress import MiningProgress
from ingest.reporting.report import Report, counted
from ingest.reporting.summary import Summary
from ingest.retention.forget import finish_forgetting
from ingest.settings import IngestSettings, MiningSettings
from ingest.storage import store_video
from ingest.video.discovery import find_videos, video_id

MAX_PATCHES_WITH_FRAMES = 100_000
"""In a graph of more patches, whole frames are kept only where the settings ask for them."""


def ingest(paths: Sequence[Path], folder: DataFolder, settings: IngestSettings, report: Report) -> Summary:
    """Mine the videos among `paths`, then publish a snapshot of everything in the graph.

    A file that cannot be used is skipped, and the summary names it. An interrupted run loses nothing that was stored:
    the next run continues. Raises MissingPath, ArchiveLocked, GraphUnavailable, StoreMismatch, IngestError for crops of
    another size, and what `load_extractor` raises.
    """
    summary = Summary()
    if settings.engine == "ray":
        # Ray's workers run in folders of their own.
        paths = [path.absolute() for path in paths]
    files = find_videos(paths)
    if settings.link:
        preflight(settings)
    engine = open_engine(settings, folder.root, [*paths, *settings.extractor.files])
    with open_context(folder, engine, report) as context:
        finish_forgetting(context.with_timeout(WHOLE_GRAPH_SECONDS))
        require_crop_size(context, settings.mining)
        new = choose(identify(files, context, summary), context, settings, summary)
        mine(new, context, settings, summary)
        if settings.link:
            publish(context, settings, summary)
    return summary


def cluster(folder: DataFolder, settings: IngestSettings, report: Report) -> Summary:
    """Cluster, link and publish the videos that were mined before."""
    summary = Summary()
    with open_context(folder, open_engine(settings, folder.root, settings.extractor.files), report) as context:
        finish_forgetting(context.with_timeout(WHOLE_GRAPH_SECONDS))
        publish(context, settings, summary)
    return summary


def preflight(settings: IngestSettings) -> None:
    """Load what linking needs after hours of mining, to fail early: a library, the extractor, its weights."""
    import faiss  # noqa: F401

    cached_extractor(settings.extractor)


def require_crop_size(context: Context, settings: MiningSettings) -> None:
    """Raise IngestError where the crops of the graph have another size: a batch holds one size only."""
    if (stored := context.store.other_crop_size(settings.crop_side)) is not None:
        raise IngestError(
            f"The crops of this graph have sides of {stored} pixels, but the setting crop-side is "
            f"{settings.crop_side}. A batch holds crops of one size, and published crops cannot change. Use "
            f"--crop-side {stored}, or another data folder (--data)."
        )


def identify(files: Sequence[Path], context: Context, summary: Summary) -> dict[str, Path]:
    """Map video ids to files; files with the same bytes are one video."""
    ids: dict[Path, str] = {}
    for path, id in context.report.stage("videos", context.engine.map(video_id, files), len(files)):
        if isinstance(id, Exception):
            skip(path, id, context.report, summary)
        else:
            ids[path] = id
    named: dict[str, Path] = {}
    for path in files:
        if path in ids:
            named.setdefault(ids[path], path)
    summary.copies = len(ids) - len(named)
    return named


def choose(named: dict[str, Path], context: Context, settings: IngestSettings, summary: Summary) -> dict[Path, str]:
    """Choose the files to mine, with their ids: new videos, and with `remine` those mined with other settings."""
    known = context.store.videos()
    current = settings.mining.digest
    summary.known = sum(current in known.get(id, ()) for id in named)
    outdated = {path: id for id, path in named.items() if id in known and current not in known[id]}
    if outdated and not settings.remine:
        summary.outdated = list(outdated)
        context.report.note(
            f"Mined with other settings, and not mined again: {counted(len(outdated), 'video')}. "
            "--remine mines them again; older snapshots stay as they are."
        )
        outdated = {}
    return {path: id for id, path in named.items() if id not in known} | outdated


def mine(files: Mapping[Path, str], context: Context, settings: IngestSettings, summary: Summary) -> None:
    """Mine and track each video (Sec. 4.1, 4.3), and store it as soon as all its segments are done."""
    small = context.store.counts()["patches"] < MAX_PATCHES_WITH_FRAMES
    mining = replace(settings.mining, frames=small if settings.frames is None else settings.frames)
    tasks = plan(files, mining, context, summary)
    results = context.engine.map(partial(mine_segment, settings=mining), tasks)
    finished: dict[Path, dict[int, MinedSegment]] = defaultdict(dict)
    failed: set[Path] = set()
    for task, mined in MiningProgress(context.report, tasks).follow(results):
        if isinstance(mined, Exception):
            if task.path not in failed:
                skip(task.path, mined, context.report, summary)
            failed.add(task.path)
        else:
            finished[task.path][mined.first] = mined
        if task.path in failed:
            finished.pop(task.path, None)
        elif len(finished[task.path]) == task.segments:
            segments = finished.pop(task.path)
            video = join([segments[first] for first in sorted(segments)], files[task.path])
            store_video(video, mining, context)
            summary.add(task.path, video, mining)
    summary.explain(mining, context.report)


def plan(files: Iterable[Path], mining: MiningSettings, context: Context, summary: Summary) -> list[MiningTask]:
    """Return the tasks that the videos are mined in, in the order of the files."""
    if mining.motion != "things":
        return [MiningTask(path) for path in files]
    planned: dict[Path, list[MiningTask]] = {}
    for path, tasks in context.engine.map(partial(mining_tasks, settings=mining), files):
        if isinstance(tasks, Exception):
            skip(path, tasks, context.report, summary)
        else:
            planned[path] = tasks
    return [task for path in files for task in planned.get(path, ())]


def skip(path: Path, error: Exception, report: Report, summary: Summary) -> None:
    """Skip a file that cannot be read as video; raise any other error."""
    if not isinstance(error, UnreadableVideo):
        raise error
    summary.skipped.append((path, error.reason))
    report.say(f"skipped {shown(path)}: {error.reason}")


def publish(context: Context, settings: IngestSettings, summary: Summary) -> None:
    """Publish a snapshot of all videos; before it, one without the videos that are held out, if any are."""
    builder = GraphBuilder(context, settings.extractor, settings.clustering)
    frames = settings.mining.track_frames
    starts = context.store.tracked_starts(frames)
    if not starts and summary.skipped:
        context.report.note(
            f"Nothing to publish: no file could be used, and the graph holds no tracks of {frames} frames."
        )
        return
    if not starts:
        raise IngestError(
            f"The graph holds no video that was mined with tracks of {frames} frames. Ingest videos first, with "
            "`affinity ingest PATH`, or choose another length with --track-frames."
        )
    if settings.hold_out:
        training = training_split(starts, settings, builder, context.report)
        summary.training = builder.publish(training, frames, hold_out=settings.hold_out)
    summary.snapshot = builder.publish(starts, frames, settings.refit and not settings.hold_out)


def training_split(starts: Starts, settings: IngestSettings, builder: GraphBuilder, report: Report) -> Starts:
    """Return the videos to train on: those that are not held out and do not repeat the footage of one that is."""
    training = {video: entry for video, entry in starts.items() if not held_out(video, settings.hold_out)}
    if not any(ids for _, ids in training.values()):
        return training
    builder.extract_features(starts)
    canonical = builder.canonical_videos(builder.cluster_model(training, settings.refit), starts)
    held = {canonical.get(video, video) for video in starts if video not in training}
    repeats = [video for video in training if canonical.get(video, video) in held]
    if repeats:
        report.note(f"Videos that repeat footage that is held out, and are kept out of training too: {len(repeats)}.")
    return {video: entry for video, entry in training.items() if video not in repeats}


def held_out(video: str, fraction: float) -> bool:
    """Decide whether a video is held out, by its content only: the decision never changes."""
    return int(video, 16) < fraction * 2**64
