"""Measures over many clips: all of them, and those of each condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.truth.score import MIN_COVERED, MIN_OVERLAP, ClipScore
from ingest.rejections import Rejection

FAST = 3.0
"""Speed in pixels a frame from which boxes must cover their objects."""
CONDITIONS = ("camera", "speed", "size", "noise", "crf", "objects")


@dataclass(frozen=True)
class Total:
    """Measures over some clips; None where there is nothing to measure."""

    clips: int
    tracks: int
    found: float | None
    """Share of the clips with a track whose start covers an object."""
    covered: float | None
    """Share of the tracks whose start covers an object."""
    held: float | None
    """Share of the tracks whose end still holds the object."""
    lost: Counter[Rejection]
    minutes: float

    @classmethod
    def of(cls, scored: Sequence[ClipScore]) -> Total:
        tracks = [track for each in scored for track in each.tracks]
        return cls(
            clips=len(scored),
            tracks=len(tracks),
            found=_share(each.found for each in scored),
            covered=_share(track.covered >= MIN_COVERED for track in tracks),
            held=_share(track.overlap >= MIN_OVERLAP for track in tracks),
            lost=sum((each.lost for each in scored), Counter()),
            minutes=sum(each.seconds for each in scored) / 60,
        )

    def line(self, name: str) -> str:
        shares = ("-" if share is None else f"{share:.3f}" for share in (self.found, self.covered, self.held))
        lost = ", ".join(f"{reason}: {count}" for reason, count in self.lost.most_common())
        return f"| {name} | {self.clips} | {self.tracks} | " + " | ".join(shares) + f" | {lost} |"


def fast(scored: Sequence[ClipScore]) -> list[ClipScore]:
    return [each for each in scored if each.condition.speed >= FAST]


def slow(scored: Sequence[ClipScore]) -> list[ClipScore]:
    return [each for each in scored if each.condition.speed < FAST]


def table(scored: Sequence[ClipScore]) -> list[str]:
    """Return the lines of a Markdown table: all clips, the fast ones, and those of each condition and background."""
    lines = ["| clips | clips | tracks | found | covered | held | lost |", "|---|--:|--:|--:|--:|--:|---|"]
    lines += [Total.of(scored).line("all"), Total.of(fast(scored)).line(f"{FAST:g} px a frame or more")]
    for name in CONDITIONS:
        for value in sorted({getattr(each.condition, name) for each in scored}):
            selected = [each for each in scored if getattr(each.condition, name) == value]
            lines.append(Total.of(selected).line(f"{name} {value}"))
    for background in sorted({each.background for each in scored}):
        lines.append(Total.of([each for each in scored if each.background == background]).line(background))
    return lines


def _share(outcomes: Iterable[bool]) -> float | None:
    values = list(outcomes)
    return sum(values) / len(values) if values else None
