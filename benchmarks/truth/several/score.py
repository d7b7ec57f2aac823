"""Compare the tracks of any miner with the things of a clip: found, centered, crowded, repeated and false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.truth.several.groups import RATE, Group
from benchmarks.truth.several.things import Seen
from ingest.model import Box, MinedTrack, MinedVideo
from ingest.rejections import Rejection

Miner: TypeAlias = Callable[[Path], MinedVideo]

MIN_SHARED = 0.5
"""Share of the smaller one of box and thing that must lie in the other, for the box to show the thing."""
MAX_OFFSET = 0.15
"""Largest distance of the centers of box and thing, in x or y, as a share of the thing's side."""
MAX_OTHERS = 0.25
"""Largest share of another thing's pixels in a box, compared with the own ones."""
MIN_VISIBLE = 0.9
"""Share of a thing that must be visible for a track to start or end on it."""
MIN_ON_THE_WAY = 0.5
"""Share of a thing that must be visible between the ends of a track."""
MARGIN, PAPER_SHARE = 1.2, 227 / 400
STEP, TRACK = 5, 30
MIN_TRAVEL = 0.25
"""Sides of its own that a thing must travel within a track."""


@dataclass(frozen=True)
class TrackScore:
    """One track. `thing` is None if the start shows none; then the rest says nothing."""

    start: int
    thing: int | None
    held: bool = False
    """The end shows the same thing."""
    centered: bool = False
    """Both boxes have the thing in the middle; of a thing larger than the paper's box, both show the same part."""
    crowded: bool = False
    """Another thing is in one of the boxes."""
    repeated: bool = False
    """Another start within the second before shows the same thing."""


@dataclass(frozen=True)
class GroupScore:
    """One clip."""

    name: str
    things: int
    findable: frozenset[int]
    """Things that are whole, alone and in motion for the length of a track."""
    tracks: list[TrackScore]
    lost: Counter[Rejection]
    minutes: float

    @property
    def found(self) -> frozenset[int]:
        """Things that both ends of at least one track show."""
        return frozenset(each.thing for each in self.tracks if each.thing is not None and each.held)


def score_group(scene: Group, path: Path, mine: Miner) -> GroupScore:
    """Mine the clip at `path`, which the scene has written."""
    mined = mine(path)
    tracks: list[TrackScore] = []
    for track in sorted(mined.tracks, key=lambda each: each.start.frame):
        tracks.append(_score(scene, track, tracks))
    lost = mined.lost + mined.funnel.rejected
    return GroupScore(scene.name, len(scene.roles), findable(scene), tracks, lost, mined.duration / 60)


def findable(scene: Group) -> frozenset[int]:
    """Return the things of which a track can be taken, with some choice of the start.

    At both ends such a thing is whole and alone. On the way in between it is mostly visible, and it gets on.
    """
    indices = range(0, scene.frames, STEP)
    seen = {index: scene.things(index) for index in indices}
    clean = {index: _clean(seen[index], min(scene.size)) for index in indices}
    visible = {index: _visible(seen[index]) for index in indices}
    starts: set[tuple[int, int]] = set()
    for first in range(0, scene.frames - TRACK, STEP):
        last = first + TRACK
        whole = clean[first].keys() & clean[last].keys()
        followed = whole.intersection(*(visible[index] for index in range(first, last, STEP)))
        starts |= {
            (thing, first)
            for thing in followed
            if scene.traveled(thing, first, last) >= MIN_TRAVEL * clean[first][thing]
        }
    return frozenset(thing for thing, first in starts if (thing, first + STEP) in starts)


def _visible(seen: Sequence[Seen]) -> set[int]:
    return {number for number, thing in enumerate(seen) if thing.visible >= MIN_ON_THE_WAY}


def _clean(seen: Sequence[Seen], short: int) -> dict[int, float]:
    """Return the sides of the things that are visible as a whole and alone in their boxes."""
    sides = {}
    for number, thing in enumerate(seen):
        box = _square(thing.center, min(thing.side * MARGIN, short))
        if thing.visible >= MIN_VISIBLE and not _crowded(box, number, seen):
            sides[number] = thing.side
    return sides


def _score(scene: Group, track: MinedTrack, earlier: Sequence[TrackScore]) -> TrackScore:
    starts, ends = scene.things(track.start.frame), scene.things(track.end.frame)
    thing = _shown(track.start.box, starts)
    if thing is None:
        return TrackScore(track.start.frame, None)
    recent = track.start.frame - RATE
    return TrackScore(
        start=track.start.frame,
        thing=thing,
        held=_shown(track.end.box, ends) == thing,
        centered=_centered(track, starts[thing], ends[thing], min(scene.size)),
        crowded=_crowded(track.start.box, thing, starts) or _crowded(track.end.box, thing, ends),
        repeated=any(each.thing == thing and each.start > recent for each in earlier),
    )


def _shown(box: Box, seen: Sequence[Seen]) -> int | None:
    """Return the thing that the box shows; of several, that whose square is most like the box."""
    squares = [_square(thing.center, thing.side) for thing in seen]
    shared = np.array([_shared(box, square) for square in squares])
    sizes = np.array([square.side**2 for square in squares])
    overlaps = shared / (box.side**2 + sizes - shared)
    overlaps[shared < MIN_SHARED * np.minimum(sizes, box.side**2)] = 0
    return int(np.argmax(overlaps)) if overlaps.any() else None


def _centered(track: MinedTrack, start: Seen, end: Seen, short: int) -> bool:
    first, last = _offset(track.start.box, start), _offset(track.end.box, end)
    if min(start.side, end.side) > PAPER_SHARE * short:
        return bool(np.abs(first - last).max() <= MAX_OFFSET and max(np.abs(first).max(), np.abs(last).max()) <= 0.5)
    return bool(max(np.abs(first).max(), np.abs(last).max()) <= MAX_OFFSET)


def _offset(box: Box, thing: Seen) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the way from the thing's center to the box's, as a share of the thing's side."""
    x, y = thing.center
    return np.array([box.x + box.side / 2 - x, box.y + box.side / 2 - y]) / thing.side


def _crowded(box: Box, thing: int, seen: Sequence[Seen]) -> bool:
    """Say whether the box shows much of any other thing."""
    rows, columns = slice(max(0, box.y), max(0, box.y + box.side)), slice(max(0, box.x), max(0, box.x + box.side))
    inside = [int(each.mask[rows, columns].sum()) for each in seen]
    own = inside.pop(thing)
    return any(other > MAX_OTHERS * own for other in inside)


def _square(center: tuple[float, float], side: float) -> Box:
    return Box(round(center[0] - side / 2), round(center[1] - side / 2), round(side))


def _shared(box: Box, other: Box) -> int:
    """Return the area that two boxes share."""
    across = min(box.x + box.side, other.x + other.side) - max(box.x, other.x)
    down = min(box.y + box.side, other.y + other.side) - max(box.y, other.y)
    return max(0, across) * max(0, down)
