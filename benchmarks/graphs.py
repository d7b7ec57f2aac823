"""Generate a graph of any size that is shaped like a mined one, and write it with the methods of the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from graphdb.archive.jpeg import JPEG_START
from graphdb.archive.writer import ArchiveWriter
from graphdb.model import InterEdges, Location, Patch, Snapshot, Track, Video, end_id, parent_id, start_id
from tests.conftest import Graph

FRAMES = 30
FIT = "0123456789abcdef"
REACH = 5
"""Each start has edges to the next 5 starts of its parent: 2.5 INTER edges per patch."""
CHILDREN = ((1, 2, 3), (1, 3, 5))
"""The child clusters of each start, as distances to the three other members. Each is a clique; one per patch."""


@dataclass(frozen=True)
class Shape:
    """The size of a graph. `patches` counts starts and ends."""

    patches: int
    tracks_a_video: int = 50
    starts_a_parent: int = 500

    @property
    def videos(self) -> int:
        return self.patches // 2 // self.tracks_a_video

    @property
    def parents(self) -> int:
        return max(1, self.patches // 2 // self.starts_a_parent)

    def mined(self) -> Iterator[tuple[Video, list[Track]]]:
        for number in range(self.videos):
            id = f"{number:016x}"
            video = Video(id, f"file:///videos/{id}.mp4", 25.0, 640, 360, 6000, 240.0, "m", 96)
            yield video, [track(id, 90 * i, number) for i in range(self.tracks_a_video)]

    def assigned(self) -> dict[str, int]:
        """Return the parent of every start. The starts of a parent come from many videos."""
        starts = [start(f"{number:016x}", 90 * i) for number in range(self.videos) for i in range(self.tracks_a_video)]
        order = np.random.default_rng(0).permutation(len(starts))
        return {starts[row]: at % self.parents for at, row in enumerate(order.tolist())}

    def linked(self, assigned: dict[str, int]) -> Iterator[InterEdges]:
        members: list[list[str]] = [[] for _ in range(self.parents)]
        for id, number in assigned.items():
            members[number].append(id)
        for number, of in enumerate(members):
            yield edges(parent_id(FIT, number), sorted(of))


def publish(graph: Graph, shape: Shape) -> Snapshot:
    """Publish a snapshot of a graph of this shape, without child clusters and images."""
    segments = [graph.store.write_video(video, FRAMES, tracks, "000000", 1) for video, tracks in shape.mined()]
    return _publish(graph, shape, segments)


def publish_with_pixels(graph: Graph, shape: Shape) -> Snapshot:
    """Publish as `publish` does, with an archive whose images have the sizes of those of the samples."""
    random = np.random.default_rng(0)
    segments = []
    with ArchiveWriter(graph.folder.archive, graph.store.shards) as archive:
        for video, tracks in shape.mined():
            stored = [stored_track(track, archive, random) for track in tracks]
            segments.append(graph.store.write_video(video, FRAMES, stored, archive.shard, archive.end))
    return _publish(graph, shape, segments)


def stored_track(track: Track, archive: ArchiveWriter, random: np.random.Generator) -> Track:
    sizes = random.integers(2_900, 4_900, 2).tolist()
    patches = (track.start, track.end)
    places = archive.append([(p.id, JPEG_START + random.bytes(size)) for p, size in zip(patches, sizes, strict=True)])
    start, end = (replace(patch, location=place) for patch, place in zip(patches, places, strict=True))
    return replace(track, start=start, end=end)


def _publish(graph: Graph, shape: Shape, segments: list[str]) -> Snapshot:
    assigned = shape.assigned()
    graph.store.write_parents(FIT, assigned)
    linked = [graph.store.write_inter(replace(inter, children=())) for inter in shape.linked(assigned)]
    return graph.store.publish([*segments, *linked], FRAMES, FIT, {})


def start(video: str, frame: int) -> str:
    return start_id(video, frame, 210, 120, 204)


def track(video: str, frame: int, number: int) -> Track:
    id, at = start(video, frame), 16_384 * frame
    shard = f"{number // 500:06d}"
    a = Patch(id, frame, frame / 25, 210, 120, 204, 0.43721, Location(shard, at, 7421))
    b = Patch(end_id(id, FRAMES), frame + FRAMES, (frame + FRAMES) / 25, 263, 118, 204, 0.0, Location(shard, at, 7093))
    return Track(a, b, FRAMES, None)


def edges(parent: str, ids: list[str]) -> InterEdges:
    """Join each start of a ring to the next ones; the child clusters are cliques of these."""
    count = len(ids)
    pairs = {pair(ids, i, i + step) for i in range(count) for step in range(1, REACH + 1)}
    children = {
        tuple(sorted(ids[(i + step) % count] for step in (0, *steps))) for i in range(count) for steps in CHILDREN
    }
    joined = [(a, b, round(0.5 + (hash_of(a) ^ hash_of(b)) / 2e9, 6)) for a, b in sorted(pairs)]
    return InterEdges(parent, "i" + parent, joined, sorted(children))


def pair(ids: list[str], i: int, j: int) -> tuple[str, str]:
    a, b = ids[i % len(ids)], ids[j % len(ids)]
    return (a, b) if a < b else (b, a)


def hash_of(id: str) -> int:
    return int(id[:16], 16) * 2_654_435_761 % 900_000_000


def holds_its_children(inter: InterEdges) -> bool:
    """Tell whether all pairs of every child cluster are edges, as in a mined graph."""
    joined = {(a, b) for a, b, _ in inter.edges}
    return all(joined.issuperset(combinations(child, 2)) for child in inter.children)
