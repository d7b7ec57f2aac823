"""A mined video into archive and graph: pixels first, synced, then one transaction that points to them."""

from __future__ import annotations

from pathlib import Path

from graphdb.archive.writer import ArchiveWriter
from graphdb.model import Location, Patch, Track, Video, end_id, frame_id, start_id
from graphdb.store.graph import GraphStore
from ingest.model import MinedPatch, MinedTrack, MinedVideo
from ingest.settings import MiningSettings
from ingest.video.signatures import save_signatures


def store_video(
    mined: MinedVideo, settings: MiningSettings, store: GraphStore, archive: ArchiveWriter, views: Path
) -> None:
    """Append the crops and frames, then commit the patches, the tracks and the archive's new end together.

    Views come before both: what is in the graph has one, and one that nothing in the graph asks for does no harm.
    """
    save_signatures(views, mined.id, {track.start.frame: track.signature for track in mined.tracks})
    frames = settings.track_frames
    images: dict[str, bytes] = {}
    for track in mined.tracks:
        start = id_of(mined, track)
        images[start] = track.start.jpeg
        images[end_id(start, frames)] = track.end.jpeg
        if track.frame_jpeg is not None:
            images[frame_id(mined.id, track.start.frame)] = track.frame_jpeg
    where = dict(zip(images, archive.append(images.items()), strict=True))
    tracks = [stored(mined, track, frames, where) for track in mined.tracks]
    store.write_video(video_of(mined, settings), frames, tracks, archive.shard, archive.end)


def video_of(mined: MinedVideo, settings: MiningSettings) -> Video:
    return Video(
        id=mined.id,
        uri=mined.uri,
        fps=mined.fps,
        width=mined.width,
        height=mined.height,
        frames=mined.frames,
        duration=mined.duration,
        mining=settings.digest,
        crop=settings.crop,
    )


def id_of(mined: MinedVideo, track: MinedTrack) -> str:
    box = track.start.box
    return start_id(mined.id, track.start.frame, box.x, box.y, box.side)


def stored(mined: MinedVideo, track: MinedTrack, frames: int, where: dict[str, Location]) -> Track:
    start = id_of(mined, track)
    end = end_id(start, frames)
    return Track(
        start=patch(start, track.start, where),
        end=patch(end, track.end, where),
        frames=frames,
        frame=where.get(frame_id(mined.id, track.start.frame)),
    )


def patch(id: str, mined: MinedPatch, where: dict[str, Location]) -> Patch:
    box = mined.box
    return Patch(id, mined.frame, mined.time, box.x, box.y, box.side, mined.motion, where[id])
