"""Clustering settings for the data at hand. The paper's numbers are for 100,000 videos.

| setting | paper | default here |
|---|---|---|
| parents | 5000 | videos / 50, from 8 to 5000 |
| members | 100 | starts / (4 × parents), from 12 to 100 |
| neighbors | 10 | eligible starts of the parent / 3, from 4 to 10 |

These were tried on labeled sets of 250 and 630 videos. The purity of edges hardly depends on the number of parents.
Fewer parents are a little purer: so 50 videos share one here, while 20 do in the paper. The purity does depend on k,
which trades purity for the number of edges: an eighth of the eligible starts leaves few edges, a half makes them less
pure.
"""

from __future__ import annotations

from dataclasses import replace

from ingest.settings import ClusterSettings

PAPER = ClusterSettings(parents=5000, members=100, neighbors=10)


def resolve(settings: ClusterSettings, *, videos: int, starts: int, whiten: int = 0) -> ClusterSettings:
    """Fill in the settings that are left open: parents and members by the size of the data, `whiten` by the extractor.

    `neighbors` stays open: it is chosen for each parent (`default_neighbors`).
    """
    parents = settings.parents or _clamp(videos // 50, 8, 5000)
    members = settings.members or _clamp(starts // (4 * parents), 12, 100)
    dims = whiten if settings.whiten is None else settings.whiten
    return replace(settings, parents=parents, members=members, whiten=dims)


def default_neighbors(eligible: int, group: int = 4) -> int:
    """Choose k for a parent in which `eligible` starts may become neighbors.

    k depends on this parent only, so a new video changes no parent but those that it joins.
    """
    return max(_clamp(eligible // 3, 4, 10), group - 1)


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def beside_paper(settings: ClusterSettings) -> dict[str, str]:
    """Describe the main settings of a run beside the paper's values, by name; `settings` as `resolve` returned them."""
    neighbors = settings.neighbors or "4 to 10, by the parent's size"
    return {
        "parents": f"{settings.parents} (paper: {PAPER.parents})",
        "members": f"{settings.members} (paper: {PAPER.members})",
        "neighbors": f"{neighbors} (paper: {PAPER.neighbors})",
        "group": f"{settings.group} (paper: {PAPER.group})",
    }
