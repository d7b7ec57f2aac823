"""Store a mined video: first the pixels in the archive, then one transaction in the graph that points to them."""

from __future__ import annotations

from dataclasses import replace

from graphdb.model import Location, Patch, Track, Video, end_id, frame_id, start_id
from ingest.context import Context
from ingest.model import MinedPatch, MinedTrack, MinedVideo
from ingest.settings import MiningSettings
from ingest.video.signatures import save_signatures


def store_video(mined: MinedVideo, settings: MiningSettings, context: Context) -> None:
    """Append the crops and frames, then commit the patches, the tracks and the new end of the archive together.

    The signatures of the frames are written first. So every start in the graph has one; a signature without a start
    does no harm.
    """
    save_signatures(context.folder.views, mined.id, {track.start.frame: track.signature for track in mined.tracks})
    frames = settings.track_frames
    images: dict[str, bytes] = {}
    for track in mined.tracks:
        start = _start_id(mined, track)
        images[start] = track.start.jpeg
        images[end_id(start, frames)] = track.end.jpeg
        if track.frame_jpeg is not None:
            images[frame_id(mined.id, track.start.frame)] = track.frame_jpeg
    archive = context.archive
    locations = dict(zip(images, archive.append(images.items()), strict=True))
    tracks = [_track(mined, track, frames, locations) for track in mined.tracks]
    context.store.write_video(_video(mined, settings), frames, tracks, archive.shard, archive.end)


def _video(mined: MinedVideo, settings: MiningSettings) -> Video:
    return Video(
        id=mined.id,
        uri=mined.uri,
        fps=mined.fps,
        width=mined.width,
        height=mined.height,
        frames=mined.frames,
        duration=mined.duration,
        mining=settings.digest,
        crop=settings.crop_side,
    )


def _start_id(mined: MinedVideo, track: MinedTrack) -> str:
    box = track.start.box
    return start_id(mined.id, track.start.frame, box.x, box.y, box.side)


def _track(mined: MinedVideo, track: MinedTrack, frames: int, locations: dict[str, Location]) -> Track:
    start = _start_id(mined, track)
    end = end_id(start, frames)
    return Track(
        start=replace(_patch(start, track.start, locations), shot=track.shot, thing=track.thing),
        end=_patch(end, track.end, locations),
        frames=frames,
        frame=locations.get(frame_id(mined.id, track.start.frame)),
    )


def _patch(id: str, mined: MinedPatch, locations: dict[str, Location]) -> Patch:
    box = mined.box
    return Patch(id, mined.frame, mined.time, box.x, box.y, box.side, mined.motion, locations[id])
