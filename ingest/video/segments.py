"""Cut a long video into segments of time, which are mined independently of each other.

The segments follow from the file and the settings alone. So a video gives the same tracks on one core and on many. The
packets of a file name all frames without decoding them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from av.packet import Packet
from av.video.stream import VideoStream

from ingest.model import Segment

LEAD_SECONDS = 2.0
"""Time before the first start of a segment: by then, what moves has been followed for a while."""
TAIL_SECONDS = 1.0
"""Time after the end of the last track: the end of a track is compared with what follows."""
SHORTEST = 0.5
"""Shortest last segment, as a share of the others; a shorter rest belongs to the segment before."""


@dataclass(frozen=True, slots=True)
class _Packets:
    stamps: list[int]
    """Time stamps of all frames, rising."""
    keys: list[int]
    """Numbers of the key frames."""


def find_segments(
    packets: Iterable[Packet[VideoStream]], time_base: float, seconds: float, track_frames: int, *, reorders: bool
) -> list[Segment]:
    """Cut the video of these packets into segments of about `seconds`; none where it is short, or cannot be cut.

    It cannot be cut where time stamps are missing or come twice, or give the order of decoding although the codec
    `reorders` its frames: then only decoding tells which frame a stamp belongs to.
    """
    known = _read(packets, reorders)
    if known is None:
        return []
    cuts = list(_cuts(known, seconds / time_base))
    if len(cuts) < 2:
        return []
    lead, tail = (round(length / time_base) for length in (LEAD_SECONDS, TAIL_SECONDS))
    count = len(known.stamps)
    begins = [0, *(_at(known.stamps, known.stamps[cut] + lead) for cut in cuts[1:]), count]
    segments = []
    for number, (begin, end) in enumerate(pairwise(begins)):
        followed = min(end - 1 + track_frames, count - 1)
        last = _at(known.stamps, known.stamps[followed] + tail)
        stamps = array("q", known.stamps[cuts[number] : last + 1])
        segments.append(Segment(number, cuts[number], begin, end, stamps, known.stamps[0]))
    return segments


def _read(packets: Iterable[Packet[VideoStream]], reorders: bool) -> _Packets | None:
    stamps: dict[int, bool] = {}
    in_order_of_display = not reorders
    for packet in packets:
        if packet.size == 0 or packet.is_discard:
            continue
        if packet.pts is None or packet.pts in stamps:
            return None
        stamps[packet.pts] = bool(packet.is_keyframe)
        in_order_of_display |= packet.pts != packet.dts
    if not in_order_of_display:
        return None
    rising = sorted(stamps)
    return _Packets(rising, [number for number, stamp in enumerate(rising) if stamps[stamp]]) if rising else None


def _cuts(known: _Packets, length: float) -> Iterator[int]:
    """Yield the numbers of the frames that segments are read from: frame 0, then key frames at least `length` apart."""
    stamps, end = known.stamps, known.stamps[-1]
    last = 0
    yield last
    for key in known.keys:
        if stamps[key] - stamps[last] >= length and end - stamps[key] >= SHORTEST * length:
            last = key
            yield key


def _at(stamps: Sequence[int], stamp: int) -> int:
    """Return the number of the first frame at this time or later, or of the last frame."""
    return min(bisect_left(stamps, stamp), len(stamps) - 1)
