"""Forget videos: whatever came of them goes, and the snapshots that used them are succeeded by ones without.

Each step can be cut and is done again by the next run, whichever command that is: first one transaction marks the
videos and ends their snapshots; then come the successors, the deletions and the pixels; the marks go last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foundation.data_folder import DataFolder
from graphdb.archive.writer import ArchiveWriter
from graphdb.connect import connect
from graphdb.maintenance.compaction import compact, dead_bytes
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.deletion import RemovalStore, VideoUsage
from ingest.engine.base import Engine
from ingest.engine.local import LocalEngine
from ingest.errors import NoSuchVideo, UnreadableVideo, shown
from ingest.features.storage import delete_features
from ingest.progress import Report
from ingest.retention.succession import follow, succeed
from ingest.video.discovery import video_id
from ingest.video.signatures import delete_signatures

SHORTEST = 4
"""Digits that the beginning of an id has at least."""


@dataclass
class Forgotten:
    """What became of it: the videos that are gone, each ended snapshot with its successor, bytes given back."""

    videos: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, str | None] = field(default_factory=dict)
    bytes: int = 0

    def told(self) -> str:
        ends = [f"Snapshot {id} has ended; {follow(next)}." for id, next in self.snapshots.items()]
        gone = f"{len(self.videos)} videos are forgotten; the archive is {self.bytes:,} bytes smaller."
        return "\n".join([*ends, gone])


def told(held: Sequence[VideoUsage]) -> str:
    """What goes, for whoever is asked."""
    lines = [f"{one.video}  {one.uri}  {one.starts} tracks, {one.patches} patches" for one in held]
    ending = sorted({snapshot for one in held for snapshot in one.snapshots})
    ends = f"These snapshots end: {', '.join(ending)}." if ending else "No snapshot uses them."
    return "\n".join([*lines, ends])


def forget(
    names: Sequence[str],
    folder: DataFolder,
    workers: int | None,
    report: Report,
    agree: Callable[[Sequence[VideoUsage]], bool],
) -> Forgotten:
    """Forget videos by id, the beginning of an id, path or address; `agree` sees what goes before anything does.

    Raises NoSuchVideo, ArchiveLocked, DamagedArchive, and what the graph raises.
    """
    with (
        connect(folder, RemovalStore, timeout=WHOLE_GRAPH_SECONDS) as store,
        ArchiveWriter(folder.archive, store.shards) as archive,
        LocalEngine(workers) as engine,
    ):
        store.sweep_snapshots()
        known = store.uris()
        videos = sorted({id for name in names for id in resolve(name, known)})
        if not agree(store.video_usage(videos)):
            return Forgotten()
        store.begin_forgetting(videos)
        return finish(store, folder, archive, engine, report)


def resolve(name: str, known: Mapping[str, str]) -> list[str]:
    """The ids of the videos that a name means, of those `known` by id and address. Raises NoSuchVideo."""
    path = Path(name)
    addresses = {name, path.absolute().as_uri(), path.resolve().as_uri()}
    if name in known:
        return [name]
    if (id := content(path)) in known:
        return [id]
    if found := [id for id, uri in known.items() if uri in addresses]:
        return found
    # A file of that name is what is meant, even if the graph does not hold it.
    begun = [id for id in known if len(name) >= SHORTEST and id.startswith(name) and not path.exists()]
    if len(begun) != 1:
        raise NoSuchVideo(shown(path), {id: known[id] for id in sorted(begun)})
    return begun


def content(path: Path) -> str:
    """The id of the video in a file; nothing where it cannot be read."""
    try:
        return video_id(path) if path.is_file() else ""
    except (UnreadableVideo, OSError):
        return ""


def finish(
    store: RemovalStore, folder: DataFolder, archive: ArchiveWriter, engine: Engine, report: Report
) -> Forgotten:
    """Forget the videos that are marked; nothing where there are none."""
    done = Forgotten(store.forgotten())
    if not done.videos:
        return done
    for snapshot in store.ended_snapshots():
        done.snapshots[snapshot.id] = succeed(snapshot, store, folder, engine, report)
        store.end_snapshot(snapshot.id, done.snapshots[snapshot.id])
    for video in report.stage("forgetting", done.videos, len(done.videos)):
        delete_features(folder.features, video)
        delete_signatures(folder.views, video)
        for _ in store.delete_segments(store.edges_around(video)):
            pass
        store.delete_patches(video)
    store.sweep_parents()
    dead = dead_bytes(store)
    done.bytes = sum(report.stage("pixels", compact(store, archive, folder.archive, dead), len(dead)))
    store.delete_videos(list(done.videos))
    report.note(done.told())
    return done
