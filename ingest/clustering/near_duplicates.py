"""Near-duplicate videos: the same footage, encoded again, cropped, at another rate or cut short (COPY in the graph).

Two starts of such videos are nearly identical whatever they show, so clustering would take them for two similar
objects. The signatures of the frames tell them apart: similar objects stand in different frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from graphdb.model import Copy, frame_number, video_of
from ingest.model import FrameSignature
from ingest.video.signatures import read_signatures, similarity


def similar_frames(
    folder: Path, edges: Iterable[tuple[str, str, float]], min_similarity: float
) -> list[tuple[str, str, float]]:
    """Return the `edges` (start, start, …) between frames that are similar enough, with the similarity of the frames.

    `folder` holds the signatures. A start without one is similar to no other. Raises DamagedFile.
    """
    pairs = [(a, b) for a, b, _ in edges]
    signatures = _read_signatures(folder, {start for pair in pairs for start in pair})
    known = ((a, b) for a, b in pairs if a in signatures and b in signatures)
    compared = ((a, b, similarity(signatures[a], signatures[b])) for a, b in known)
    return [(a, b, value) for a, b, value in compared if value >= min_similarity]


def find_copies(alike: Iterable[tuple[str, str, float]]) -> list[Copy]:
    """Return the pairs of videos that the result of `similar_frames` joins.

    Each pair comes once, the lower id first, with the largest similarity of its frames.
    """
    found: dict[tuple[str, str], float] = {}
    for a, b, value in alike:
        first, second = sorted((video_of(a), video_of(b)))
        if first != second:
            found[first, second] = max(round(value, 4), found.get((first, second), 0.0))
    return [(*pair, value) for pair, value in sorted(found.items())]


def _read_signatures(folder: Path, starts: Iterable[str]) -> dict[str, FrameSignature]:
    """Read the signatures of these starts, and release those of other starts of the same videos."""
    signatures: dict[str, FrameSignature] = {}
    for video, ids in groupby(sorted(starts), key=video_of):
        of_video = read_signatures(folder, video)
        signatures |= {id: of_video[frame].copy() for id in ids if (frame := frame_number(id)) in of_video}
    return signatures


def canonical_videos(copies: Iterable[Copy]) -> dict[str, str]:
    """Map every video that repeats another to its canonical video: the lowest id of all that show the same footage."""
    from scipy.cluster.hierarchy import DisjointSet

    footage = DisjointSet()
    for a, b, _ in copies:
        footage.add(a)
        footage.add(b)
        footage.merge(a, b)
    groups = [(min(videos), videos) for videos in footage.subsets()]
    return {video: canonical for canonical, videos in groups for video in videos if video != canonical}


def canonical_among(canonical: Mapping[str, str], videos: Iterable[str]) -> dict[str, str]:
    """Restrict the result of `canonical_videos` to some videos: the canonical one is the lowest of those given."""
    lowest: dict[str, str] = {}
    present = sorted(set(videos))
    for video in present:
        lowest.setdefault(canonical.get(video, video), video)
    own = {video: lowest[canonical.get(video, video)] for video in present}
    return {video: chosen for video, chosen in own.items() if video != chosen}
