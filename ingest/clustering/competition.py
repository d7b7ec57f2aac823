"""Which starts of one video may become neighbors in a parent (Sec. 4.2; the paper leaves it open).

Starts of one video often show the same thing before the same background. An edge between them would teach nothing, and
they would fill the lists of neighbors. So few of them compete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from graphdb.model import Take, video_of


class RepeatedShot(NamedTuple):
    """Two shots of one video that show the same view, by the numbers of their first frames, the lower one first."""

    video: str
    first: int
    second: int


@dataclass(frozen=True)
class Footage:
    """What is known of the footage that the starts of a parent come from."""

    canonical: Mapping[str, str] = field(default_factory=dict)
    """The canonical video of each video that repeats another."""
    takes: Mapping[str, Take] = field(default_factory=dict)
    """The take of each start whose shot is known."""
    repeated: frozenset[RepeatedShot] = frozenset()

    def video(self, start: str) -> str:
        """Return the video that a start counts for."""
        video = video_of(start)
        return self.canonical.get(video, video)

    def competing(self, starts: Iterable[str], seconds: float) -> Iterator[str]:
        """Yield the starts that compete, of `starts` in ascending order: one of each shot, and one of each thing.

        A shot that is longer than `seconds` gives one start in that time. Shots that show the same view count as one. A
        video that repeats another gives none. A video without known shots gives one.
        """
        chosen: dict[str, list[Take | None]] = defaultdict(list)
        for start in starts:
            video, take = video_of(start), self._take(start)
            if video not in self.canonical and not any(_conflict(take, other, seconds) for other in chosen[video]):
                chosen[video].append(take)
                yield start

    def shots_of(self, pairs: Iterable[tuple[str, str]]) -> frozenset[RepeatedShot]:
        """Return the pairs of shots that these pairs of starts come from; both starts of a pair are of one video."""
        shots = {(video_of(a), self.takes[a].shot, self.takes[b].shot) for a, b in pairs}
        return frozenset(RepeatedShot(video, min(a, b), max(a, b)) for video, a, b in shots if a != b)

    def _take(self, start: str) -> Take | None:
        take = self.takes.get(start)
        return take and take._replace(shot=self._views.get((video_of(start), take.shot), take.shot))

    @cached_property
    def _views(self) -> dict[tuple[str, int], int]:
        """Map every shot that repeats a view to the earliest shot of its video that shows it."""
        from scipy.cluster.hierarchy import DisjointSet

        same = DisjointSet()
        for video, first, second in self.repeated:
            for shot in (first, second):
                same.add((video, shot))
            same.merge((video, first), (video, second))
        return {shot: min(group)[1] for group in same.subsets() for shot in group}


UNKNOWN = Footage()
"""No video repeats another, and no shot is known."""


def _conflict(take: Take | None, other: Take | None, seconds: float) -> bool:
    if take is None or other is None:
        return True
    same_thing = take.thing is not None and take.thing == other.thing
    return same_thing or (take.shot == other.shot and abs(take.time - other.time) < seconds)
