"""The graph as forgetting and pruning change it: in small transactions, each of which leaves it sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from neo4j import ManagedTransaction

from graphdb.model import Location, Snapshot
from graphdb.store.connection import run
from graphdb.store.graph import ROWS, GraphStore
from graphdb.store.records import snapshot_of


@dataclass(frozen=True, slots=True)
class UnusedSegment:
    """A segment that nothing needs: `count` relationships, and `children` where they are INTER."""

    id: str
    kind: str
    count: int
    children: int


@dataclass(frozen=True, slots=True)
class VideoUsage:
    """What the graph holds of one video, and the ids of the living snapshots that use it."""

    video: str
    uri: str
    starts: int
    patches: int
    snapshots: Sequence[str]


class RemovalStore(GraphStore):
    """A GraphStore that forgets videos and deletes what is unused."""

    # Forgetting

    def uris(self) -> dict[str, str]:
        """The file of every known video."""
        return {row["id"]: row["uri"] for row in self._read("videos")}

    def held(self, videos: Sequence[str]) -> list[VideoUsage]:
        rows = self._read("held_by_videos", videos=list(videos))
        return [VideoUsage(row["id"], row["uri"], row["starts"], row["patches"], row["snapshots"]) for row in rows]

    def begin_forgetting(self, videos: Sequence[str]) -> None:
        """Mark videos in one transaction, which ends the snapshots that use them. Repeating it changes nothing."""
        self._write("begin_forgetting", videos=list(videos))

    def ended_snapshots(self) -> list[Snapshot]:
        """Those that have ended and still hold their segments, newest first: `latest` is soon right again."""
        return [snapshot_of(row["snapshot"]) for row in self._read("ended_snapshots")]

    def rest(self, snapshot: str) -> dict[str, tuple[str, list[str]]]:
        """What a snapshot holds of every video that is not being forgotten: its segment, and its starts, sorted."""
        rows = self._read("rest_of_snapshot", id=snapshot)
        return {row["video"]: (row["segment"], sorted(row["starts"])) for row in rows}

    def end_snapshot(self, id: str, successor: str | None) -> None:
        """End a snapshot in one transaction: it names its successor, as do those that named it, and holds nothing.

        A successor that was there before stands in its place, unless it is newer.
        """

        def work(tx: ManagedTransaction) -> None:
            run(tx, "end_snapshot", id=id, successor=successor)
            run(tx, "follow_successor", id=id, successor=successor)

        self._transact(work)

    def edges_around(self, video: str) -> list[UnusedSegment]:
        """The unused segments of the parents that a video has starts in."""
        rows = self._read("edges_around", video=video)
        return [UnusedSegment(row["id"], "inter", row["count"], 0) for row in rows]

    def delete_patches(self, video: str) -> None:
        """Delete a video's tracks, patches and frames in one transaction; no edge may be left at them."""
        self._write("delete_patches", video=video)

    def delete_videos(self, videos: Sequence[str]) -> None:
        """Delete videos that nothing is left of."""
        self._write("delete_videos", videos=list(videos))

    # Pruning

    def snapshots_read(self) -> list[tuple[Snapshot, bool]]:
        """The living snapshots, newest first, and whether somebody read them within a day."""
        return [(snapshot_of(row["snapshot"]), row["read"]) for row in self._read("snapshots_read")]

    def unused_segments(self, kept: Sequence[str]) -> list[UnusedSegment]:
        """The segments that none of these snapshots uses, but for the current tracks of a video."""
        rows = self._read("unused_segments", kept=list(kept))
        return [UnusedSegment(row["id"], row["kind"], row["count"], row["children"]) for row in rows]

    def intra_segments(self) -> set[str]:
        """Every segment of tracks."""
        return {row["id"] for row in self._read("intra_segments")}

    def fits(self) -> list[str]:
        """The fits that have placed starts."""
        return [row["fit"] for row in self._read("fits")]

    def delete_fit(self, fit: str) -> Iterator[int]:
        """Delete a fit's parents, taking their starts out before; how many at each step."""
        while deleted := int(self._write("delete_placements", fit=fit, count=ROWS)[0]["deleted"]):
            yield deleted
        self._write("delete_parents", fit=fit)

    # Both

    def delete_segments(self, segments: Sequence[UnusedSegment]) -> Iterator[int]:
        """Delete segments of one kind with all that they hold; how many were deleted at each step."""
        for batch in batches(segments):
            name = {"inter": "delete_edges", "intra": "delete_tracks"}[batch[0].kind]
            self._write(name, segments=[segment.id for segment in batch])
            yield len(batch)

    def sweep_parents(self) -> None:
        """Remove the parents that nothing is in and nothing is of."""
        self._write("sweep_parents")

    # The archive

    def live_bytes(self) -> dict[str, int]:
        """How much of every shard is pointed to, in bytes; compare with `shards`."""
        return {row["shard"]: row["bytes"] for row in self._read("live_bytes")}

    def shard_images(self, shard: str) -> dict[str, Location]:
        """All images that the graph has in a shard, by id, in the order in which they lie."""
        images = self._read("shard_images", shard=shard)[0]["images"]
        return {id: Location(shard, offset, size) for id, offset, size in sorted(images, key=itemgetter(1))}

    def move_images(self, images: Mapping[str, Location], shard: str, end: int) -> None:
        """Point to images where they lie now, and count on that shard up to `end`: in one transaction."""
        rows: list[dict[str, Any]] = [{"id": id, **location._asdict()} for id, location in images.items()]

        def work(tx: ManagedTransaction) -> None:
            run(tx, "write_shard", id=shard, end=end)
            for things in ("patches", "frames"):
                run(tx, f"move_{things}", images=rows)

        self._transact(work)

    def drop_shard(self, old: str, newest: str, end: int) -> None:
        """Forget a shard that nothing points into; the newest one is counted on, so that no number is used again."""

        def work(tx: ManagedTransaction) -> None:
            run(tx, "write_shard", id=newest, end=end)
            run(tx, "sweep_shards", ids=[old])

        self._transact(work)


def batches(segments: Sequence[UnusedSegment]) -> Iterator[list[UnusedSegment]]:
    """Segments together as long as they hold no more than a transaction should delete."""
    batch: list[UnusedSegment] = []
    held = 0
    for segment in segments:
        # A segment costs a few rows itself, however little it holds.
        if batch and held + segment.count > ROWS:
            yield batch
            batch, held = [], 0
        batch.append(segment)
        held += segment.count + 5
    if batch:
        yield batch
