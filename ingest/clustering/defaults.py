"""The paper's numbers are for 100,000 videos; this is how they come down to the data at hand.

| setting | paper | here, where it is not set |
|---|---|---|
| parents | 5000 | videos / 50, from 8 to 5000 |
| min-parent-size | 100 | starts / (4 × parents), from 12 to 100 |
| neighbors | 10 | competing starts of the parent / 3, from 4 to 10 |

Tried on labeled worlds of 250 and 630 videos: the purity of edges hardly depends on the number of parents (fewer
are a little purer, so 50 videos share one, where the paper's proportion is 20). It does on k, which trades purity for
number: an eighth of the competing starts leaves few edges, a half makes them less pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingest.settings import ClusterSettings

PAPER = ClusterSettings(parents=5000, min_parent_size=100, neighbors=10, same_video="allow", whiten=0)


def scaled(settings: ClusterSettings, *, videos: int, starts: int, whiten: int = 0) -> ClusterSettings:
    """`settings` with parents and min_parent_size decided, and with what the extractor asks for in whitening.

    Neighbors are decided by each parent (scaled_neighbors).
    """
    parents = settings.parents or _clamp(videos // 50, 8, 5000)
    min_parent_size = settings.min_parent_size or _clamp(starts // (4 * parents), 12, 100)
    dims = whiten if settings.whiten is None else settings.whiten
    return replace(settings, parents=parents, min_parent_size=min_parent_size, whiten=dims)


def scaled_neighbors(competing: int, group: int = 4) -> int:
    """k for a parent in which `competing` starts may become neighbors.

    Decided inside the parent, so that a new video changes no parent but those it touches.
    """
    return max(_clamp(competing // 3, 4, 10), group - 1)


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


@dataclass(frozen=True)
class Choice:
    """A line of the table that shows what was chosen beside what the paper used."""

    setting: str
    value: str
    paper: str


def describe(settings: ClusterSettings) -> list[Choice]:
    """What a run uses beside the paper's value, for people to read; `settings` as `scaled` returned them."""
    by_size = "4 to 10, by the parent's size"
    return [
        Choice("parents", str(settings.parents), f"{PAPER.parents}"),
        Choice("min-parent-size", str(settings.min_parent_size), f"{PAPER.min_parent_size}"),
        Choice("neighbors", str(settings.neighbors or by_size), f"{PAPER.neighbors}"),
        Choice("clique-size", str(settings.clique_size), f"{PAPER.clique_size}"),
        Choice("same-video", settings.same_video, f"not stated ({PAPER.same_video})"),
        Choice("seed", str(settings.seed), "not stated"),
        Choice("kmeans-iterations", str(settings.kmeans_iterations), "not stated"),
        Choice("max-points-per-centroid", str(settings.max_points_per_centroid), "not stated"),
        Choice("whiten", str(settings.whiten), f"not stated ({PAPER.whiten})"),
    ]
