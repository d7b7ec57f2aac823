"""Measures over many clips with several things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.truth.several.score import GroupScore


@dataclass(frozen=True)
class GroupTotal:
    """Measures over some clips; None where there is nothing to measure."""

    clips: int
    tracks: int
    found: float | None
    """Share of the findable things that were found."""
    found_of_all: float | None
    centered: float | None
    crowded: float | None
    repeated: float | None
    lost_thing: float | None
    """Share of the tracks whose end does not show the start's thing."""
    false: int
    """Tracks whose start shows no thing."""
    minutes: float

    @classmethod
    def of(cls, scored: Sequence[GroupScore]) -> GroupTotal:
        tracks = [track for each in scored for track in each.tracks]
        real = [track for track in tracks if track.thing is not None]
        return cls(
            clips=len(scored),
            tracks=len(tracks),
            found=_share(thing in each.found for each in scored for thing in each.findable),
            found_of_all=_share(thing in each.found for each in scored for thing in range(each.things)),
            centered=_share(track.centered for track in real),
            crowded=_share(track.crowded for track in real),
            repeated=_share(track.repeated for track in real),
            lost_thing=_share(not track.held for track in real),
            false=len(tracks) - len(real),
            minutes=sum(each.minutes for each in scored),
        )

    @staticmethod
    def head() -> list[str]:
        columns = ("clips of several things", "clips", "tracks", "found", "of all", "centered", "crowded", "repeated")
        names = [*columns, "other end", "false"]
        return ["| " + " | ".join(names) + " |", "|---" + "|--:" * (len(names) - 1) + "|"]

    def line(self, name: str) -> str:
        shares = (self.found, self.found_of_all, self.centered, self.crowded, self.repeated, self.lost_thing)
        texts = ("-" if share is None else f"{share:.3f}" for share in shares)
        return f"| {name} | {self.clips} | {self.tracks} | " + " | ".join(texts) + f" | {self.false} |"


def _share(outcomes: Iterable[bool]) -> float | None:
    values = list(outcomes)
    return sum(values) / len(values) if values else None
