"""Panels of a contact sheet: patches, tracks, child clusters and parents, with their pixels from the archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from graphdb.archive.reader import ArchiveReader
from graphdb.model import ChildCluster, Patch, ShownTrack, video_of
from ingest.contact_sheets.drawing import END, START, Panel, Picture, crop_picture, frame_picture, without_accents
from ingest.model import Box
from ingest.reporting.report import counted

SIDE = 144
"""Side of a crop beside its frame, pixels: one and a half times what is stored."""
MEMBER_SIDE = 128
"""Side of a member of a child cluster."""
SAMPLE_SIDE = 104
"""Side of a member of a parent."""


class Panels:
    """Makes panels from what the graph returned, with the pixels of its archive. Raises DamagedArchive."""

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive

    def patch(self, shown: ShownTrack) -> Panel:
        """Show the start of a track: its frame with the box, if the frame is kept, and the crop."""
        start = shown.track.start
        frame = self._frame(shown, [(start, START)])
        detail = f"{start.time:.2f} s · {origin(start)}"
        facts = {
            "patch": start.id,
            "time": start.time,
            "motion": start.motion,
            "shot": start.shot,
            "thing": start.thing,
        }
        return Panel(legible_name(shown), detail, [*frame, self._crop(start, SIDE)], facts)

    def track(self, shown: ShownTrack) -> Panel:
        """Show a track: the first frame with both boxes, if it is kept, then both crops."""
        start, end = shown.track.start, shown.track.end
        frame = self._frame(shown, [(end, END), (start, START)], "the start's frame")
        crops = [self._crop(start, SIDE, f"{start.time:.2f} s"), self._crop(end, SIDE, f"{end.time:.2f} s")]
        detail = f"{shown.track.frames} frames · {origin(start)}"
        facts = {"start": start.id, "end": end.id, "shot": start.shot, "thing": start.thing}
        return Panel(legible_name(shown), detail, [*frame, *crops], facts)

    def child(self, child: ChildCluster, parent: int, members: Sequence[ShownTrack]) -> Panel:
        """Show the members of a child cluster, and how similar they are."""
        low, high = child.similarities[0], child.similarities[-1]
        detail = f"similarity {low:.2f} to {high:.2f}, mean {mean(child.similarities):.2f}"
        facts = {"child": child.id, "parent": parent, "members": list(child.members), "similarity": detail}
        return Panel(f"Parent {parent}", detail, [self._named(shown, MEMBER_SIDE) for shown in members], facts)

    def parent(self, number: int, members: Sequence[str], children: int, sample: Sequence[ShownTrack]) -> Panel:
        """Show some members of a parent, and how many it has."""
        videos = len({video_of(id) for id in members})
        held = (counted(len(members), "start"), counted(videos, "video"), counted(children, "child cluster"))
        detail = f"{held[0]} of {held[1]} · {held[2]}"
        facts = {"parent": number, "starts": len(members), "videos": videos, "children": children}
        return Panel(f"Parent {number}", detail, [self._named(shown, SAMPLE_SIDE) for shown in sample], facts)

    def _named(self, shown: ShownTrack, side: int) -> Picture:
        return self._crop(shown.track.start, side, Path(legible_name(shown)).stem)

    def _crop(self, patch: Patch, side: int, caption: str = "") -> Picture:
        return crop_picture(self._archive.read(patch.location), side, caption)

    def _frame(
        self, shown: ShownTrack, patches: Sequence[tuple[Patch, tuple[int, int, int]]], caption: str = ""
    ) -> list[Picture]:
        if shown.track.frame is None:
            return []
        boxes = [(Box(patch.x, patch.y, patch.side), color) for patch, color in patches]
        return [frame_picture(self._archive.read(shown.track.frame), shown.width, boxes, SIDE, caption)]


def origin(start: Patch) -> str:
    """Say which thing of which shot a start shows, as far as it is known, and how large it is in its frame."""
    named = [] if start.shot is None else [f"shot from frame {start.shot}"]
    named += [f"{start.motion:.0%} of the box moves"] if start.thing is None else [f"thing {start.thing}"]
    return " · ".join([*named, f"{start.side} pixels wide"])


def file_name(uri: str) -> str:
    """Return the name of a video's file as one line of printable text."""
    name = Path(unquote(urlparse(uri).path)).name
    return "".join(char if char.isprintable() else "?" for char in name)


def legible_name(shown: ShownTrack) -> str:
    """Return the name of the file; the id of the video where the font lacks the characters of the name."""
    name = without_accents(file_name(shown.uri))
    return name if name.isascii() else video_of(shown.track.start.id)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
