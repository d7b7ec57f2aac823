"""One panel of a contact sheet for each kind of thing that the graph holds: pixels from the archive, and words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from graphdb.archive.reader import ArchiveReader
from graphdb.model import ChildCluster, Patch, ShownTrack, video_of
from ingest.contact_sheets.drawing import END, START, Panel, Picture, crop_picture, frame_picture, plain
from ingest.model import Box

SIDE = 144
"""Side of a crop beside its frame, pixels: one and a half times what is stored."""
MEMBER_SIDE = 128
"""Side of a member of a child cluster."""
SAMPLE_SIDE = 104
"""Side of a member of a parent."""


class Panels:
    """Makes panels of what the graph says, with the pixels of its archive. Raises DamagedArchive."""

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive

    def patch(self, seen: ShownTrack) -> Panel:
        """The start of a track: its frame with the box drawn, where frames are kept, beside the crop."""
        start = seen.track.start
        frame = self._frame(seen, [(start, START)])
        detail = f"{start.time:.2f} s · {start.motion:.0%} of the box moves"
        facts = {"patch": start.id, "time": start.time, "motion": start.motion}
        return Panel(legible_name(seen), detail, [*frame, self._crop(start, SIDE)], facts)

    def track(self, seen: ShownTrack) -> Panel:
        """The start's frame with both boxes drawn, where frames are kept, then both crops."""
        start, end = seen.track.start, seen.track.end
        frame = self._frame(seen, [(end, END), (start, START)], "the start's frame")
        crops = [self._crop(start, SIDE, f"{start.time:.2f} s"), self._crop(end, SIDE, f"{end.time:.2f} s")]
        detail = f"{seen.track.frames} frames · {start.motion:.0%} of the box moves"
        return Panel(legible_name(seen), detail, [*frame, *crops], {"start": start.id, "end": end.id})

    def child(self, child: ChildCluster, parent: int, members: Sequence[ShownTrack]) -> Panel:
        """The members of a child cluster, and how similar they are."""
        low, high = child.similarities[0], child.similarities[-1]
        detail = f"similarity {low:.2f} to {high:.2f}, mean {mean(child.similarities):.2f}"
        facts = {"child": child.id, "parent": parent, "members": list(child.members), "similarity": detail}
        return Panel(f"Parent {parent}", detail, [self._named(seen, MEMBER_SIDE) for seen in members], facts)

    def parent(self, number: int, members: Sequence[str], children: int, shown: Sequence[ShownTrack]) -> Panel:
        """Some members of a parent, with how many there are in all."""
        videos = len({video_of(id) for id in members})
        held = (counted(len(members), "start"), counted(videos, "video"), counted(children, "child cluster"))
        detail = f"{held[0]} of {held[1]} · {held[2]}"
        facts = {"parent": number, "starts": len(members), "videos": videos, "children": children}
        return Panel(f"Parent {number}", detail, [self._named(seen, SAMPLE_SIDE) for seen in shown], facts)

    def _named(self, seen: ShownTrack, side: int) -> Picture:
        return self._crop(seen.track.start, side, Path(legible_name(seen)).stem)

    def _crop(self, patch: Patch, side: int, caption: str = "") -> Picture:
        return crop_picture(self._archive.read(patch.location), side, caption)

    def _frame(
        self, seen: ShownTrack, patches: Sequence[tuple[Patch, tuple[int, int, int]]], caption: str = ""
    ) -> list[Picture]:
        if seen.track.frame is None:
            return []
        boxes = [(Box(patch.x, patch.y, patch.side), color) for patch, color in patches]
        return [frame_picture(self._archive.read(seen.track.frame), seen.width, boxes, SIDE, caption)]


def file_name(uri: str) -> str:
    """The name of the file that a video came from, as one line of printable text."""
    name = Path(unquote(urlparse(uri).path)).name
    return "".join(char if char.isprintable() else "?" for char in name)


def legible_name(seen: ShownTrack) -> str:
    """The name of the file as sheets can draw it, or the video's id where it is in a script that they cannot."""
    name = plain(file_name(seen.uri))
    return name if name.isascii() else video_of(seen.track.start.id)


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("s" if number != 1 else "")


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
