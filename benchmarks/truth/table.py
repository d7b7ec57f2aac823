"""Scores of many clips: the measures that have bars, over all clips and by condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.truth.score import COVERED, HELD, Scored
from ingest.rejections import Rejection

FAST = 3.0
"""Pixels a frame from which boxes must cover their objects."""
CONDITIONS = ("camera", "speed", "size", "noise", "crf", "objects")


@dataclass(frozen=True)
class Total:
    """Measures over some clips; None where there was nothing to measure."""

    clips: int
    tracks: int
    found: float | None
    """Share of the clips with a kept track whose start covers an object."""
    covered: float | None
    """Share of the kept tracks whose start covers an object."""
    held: float | None
    """Share of the kept tracks whose end holds the object."""
    lost: Counter[Rejection]
    minutes: float

    @classmethod
    def of(cls, scored: Sequence[Scored]) -> Total:
        marks = [mark for each in scored for mark in each.marks]
        return cls(
            clips=len(scored),
            tracks=len(marks),
            found=_share(each.found for each in scored),
            covered=_share(mark.covered >= COVERED for mark in marks),
            held=_share(mark.overlap >= HELD for mark in marks),
            lost=sum((each.lost for each in scored), Counter()),
            minutes=sum(each.seconds for each in scored) / 60,
        )

    def line(self, name: str) -> str:
        shares = ("-" if share is None else f"{share:.3f}" for share in (self.found, self.covered, self.held))
        lost = ", ".join(f"{reason}: {count}" for reason, count in self.lost.most_common())
        return f"| {name} | {self.clips} | {self.tracks} | " + " | ".join(shares) + f" | {lost} |"


def fast(scored: Sequence[Scored]) -> list[Scored]:
    return [each for each in scored if each.condition.speed >= FAST]


def slow(scored: Sequence[Scored]) -> list[Scored]:
    return [each for each in scored if each.condition.speed < FAST]


def table(scored: Sequence[Scored]) -> list[str]:
    """The lines of a table: all clips, the fast ones, and those of each value of each condition and background."""
    lines = ["| clips | clips | tracks | found | covered | held | lost |", "|---|--:|--:|--:|--:|--:|---|"]
    lines += [Total.of(scored).line("all"), Total.of(fast(scored)).line(f"{FAST:g} px a frame or more")]
    for name in CONDITIONS:
        for value in sorted({getattr(each.condition, name) for each in scored}):
            of = [each for each in scored if getattr(each.condition, name) == value]
            lines.append(Total.of(of).line(f"{name} {value}"))
    for background in sorted({each.background for each in scored}):
        lines.append(Total.of([each for each in scored if each.background == background]).line(background))
    return lines


def _share(kept: Iterable[bool]) -> float | None:
    values = list(kept)
    return sum(values) / len(values) if values else None
