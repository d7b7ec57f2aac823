"""Forget videos: delete all that came of them, and publish successors of the snapshots that used them.

Every step can be interrupted, and the next command that writes continues. First, one transaction marks the videos and
ends their snapshots. Then the successors are published, and features, edges, patches and pixels are deleted. The marks
go last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foundation.data_folder import DataFolder
from graphdb.maintenance.compaction import compact, dead_bytes
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.deletion import VideoUsage
from ingest.context import Context, open_context
from ingest.engine.local import LocalEngine
from ingest.errors import IngestError, UnreadableVideo, shown
from ingest.features.storage import delete_features
from ingest.reporting.report import Report, counted
from ingest.retention.succession import publish_successor, succession_text
from ingest.video.discovery import video_id
from ingest.video.signatures import delete_signatures

MIN_PREFIX = 4
"""Digits that the beginning of an id must have."""

MAX_NAMED = 5
"""Videos that a message about an ambiguous name lists."""


@dataclass
class Forgotten:
    """The result: the forgotten videos by id, each ended snapshot with its successor, and the bytes that were freed."""

    videos: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, str | None] = field(default_factory=dict)
    bytes: int = 0

    def summary_text(self) -> str:
        ended = [f"Snapshot {id} has ended; {succession_text(next)}." for id, next in self.snapshots.items()]
        forgotten = f"Forgotten: {counted(len(self.videos), 'video')}. The archive is {self.bytes:,} bytes smaller."
        return "\n".join([*ended, forgotten])


def confirmation_text(usages: Sequence[VideoUsage]) -> str:
    """List what will be deleted, for the user to confirm."""
    videos = [
        f"{usage.video}  {usage.uri}  {counted(usage.starts, 'track')}, {counted(usage.patches, 'patch', 'patches')}"
        for usage in usages
    ]
    ending = sorted({snapshot for usage in usages for snapshot in usage.snapshots})
    snapshots = f"These snapshots end: {', '.join(ending)}." if ending else "No snapshot uses them."
    return "\n".join([*videos, snapshots])


def forget(
    names: Sequence[str],
    folder: DataFolder,
    workers: int | None,
    report: Report,
    confirm: Callable[[Sequence[VideoUsage]], bool],
) -> Forgotten:
    """Forget videos by id, the beginning of an id, path or URI, if `confirm` returns True for what will be deleted.

    Raises IngestError for a name that means no video or several, ArchiveLocked, DamagedArchive, and what the graph
    raises.
    """
    with open_context(folder, LocalEngine(workers), report, timeout=WHOLE_GRAPH_SECONDS) as context:
        known = context.store.uris()
        videos = sorted({id for name in names for id in matching_videos(name, known)})
        if not confirm(context.store.video_usage(videos)):
            return Forgotten()
        context.store.begin_forgetting(videos)
        return finish_forgetting(context)


def matching_videos(name: str, known: Mapping[str, str]) -> list[str]:
    """Return the ids of the videos that a name means; `known` maps ids to URIs. Raises IngestError."""
    path = Path(name)
    uris = {name, path.absolute().as_uri(), path.resolve().as_uri()}
    if name in known:
        return [name]
    if (id := _id_of_file(path)) in known:
        return [id]
    if found := [id for id, uri in known.items() if uri in uris]:
        return found
    # The name of an existing file means this file, even where the graph does not hold it.
    prefixed = sorted(id for id in known if len(name) >= MIN_PREFIX and id.startswith(name) and not path.exists())
    if len(prefixed) == 1:
        return prefixed
    if prefixed:
        some = ", ".join(f"{id} ({known[id]})" for id in prefixed[:MAX_NAMED])
        raise IngestError(f"The ids of several videos begin with {shown(path)}: {some}. Give more digits of the id.")
    raise IngestError(
        f"The graph holds no video {shown(path)}. Give its file, its URI, its id, or at least the first {MIN_PREFIX} "
        "digits of the id. In Neo4j Browser, `MATCH (v:Video) RETURN v.id, v.uri` lists all videos."
    )


def _id_of_file(path: Path) -> str:
    """Compute the id of the video in a file; empty where the file cannot be read."""
    try:
        return video_id(path) if path.is_file() else ""
    except (UnreadableVideo, OSError):
        return ""


def finish_forgetting(context: Context) -> Forgotten:
    """Forget the videos that are marked; do nothing where none is."""
    store, folder, report = context.store, context.folder, context.report
    done = Forgotten(store.forgotten())
    if not done.videos:
        return done
    for snapshot in store.ended_snapshots():
        done.snapshots[snapshot.id] = publish_successor(snapshot, context)
        store.end_snapshot(snapshot.id, done.snapshots[snapshot.id])
    for video in report.stage("forgetting", done.videos, len(done.videos)):
        delete_features(folder.features, video)
        delete_signatures(folder.views, video)
        for _ in store.delete_segments(store.edges_around(video)):
            pass
        store.delete_patches(video)
    store.sweep_parents()
    dead = dead_bytes(store)
    done.bytes = sum(report.stage("pixels", compact(store, context.archive, folder.archive, dead), len(dead)))
    store.delete_videos(list(done.videos))
    report.note(done.summary_text())
    return done
