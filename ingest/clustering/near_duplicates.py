"""Copies: the same footage under other bytes, encoded again, cropped, at another rate or cut short.

Two starts of copies are near-identical whatever they show, and would be joined as look-alikes. They are told by their
views: the whole frame of a start, small and gray. An object may look like another, the frame around it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from graphdb.model import Copy, frame_number, video_of
from ingest.model import FrameSignature
from ingest.video.signatures import read_signatures, similarity


def copies(folder: Path, edges: Iterable[tuple[str, str, float]], least: float) -> list[Copy]:
    """The pairs of videos among `edges` (start, start, …) whose views are at least `least` alike, the lower id first.

    A start without a view is nobody's copy. Raises DamagedFile.
    """
    pairs = [(a, b) for a, b, _ in edges]
    views = _views(folder, {start for pair in pairs for start in pair})
    found: dict[tuple[str, str], float] = {}
    for a, b in pairs:
        if a not in views or b not in views:
            continue
        alike = similarity(views[a], views[b])
        pair = (min(video_of(a), video_of(b)), max(video_of(a), video_of(b)))
        if alike >= max(least, found.get(pair, least)):
            found[pair] = round(alike, 4)
    return [(*pair, alike) for pair, alike in sorted(found.items())]


def _views(folder: Path, starts: Iterable[str]) -> dict[str, FrameSignature]:
    """The views of these starts; others of their videos are not kept in memory."""
    views: dict[str, FrameSignature] = {}
    for video, ids in groupby(sorted(starts), key=video_of):
        every = read_signatures(folder, video)
        views |= {id: every[frame].copy() for id in ids if (frame := frame_number(id)) in every}
    return views


def originals(copies: Iterable[Copy]) -> dict[str, str]:
    """Of every video that is a copy: the lowest id among all that are copies of each other, which stands for them."""
    lower: dict[str, str] = {}

    def lowest(video: str) -> str:
        while video in lower:
            video = lower[video]
        return video

    for a, b, _ in copies:
        low, high = sorted((lowest(a), lowest(b)))
        if low != high:
            lower[high] = low
    return {video: lowest(video) for video in lower}


def among(originals: Mapping[str, str], videos: Iterable[str]) -> dict[str, str]:
    """`originals` as these videos by themselves have it: the lowest of them stands for those that are with it."""
    lowest: dict[str, str] = {}
    present = sorted(set(videos))
    for video in present:
        lowest.setdefault(originals.get(video, video), video)
    own = {video: lowest[originals.get(video, video)] for video in present}
    return {video: original for video, original in own.items() if video != original}
