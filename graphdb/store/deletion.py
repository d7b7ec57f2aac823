"""Delete videos and unused parts of the graph, in small transactions that each leave it consistent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from neo4j import ManagedTransaction

from graphdb.model import Location, Snapshot
from graphdb.store.connection import run_query
from graphdb.store.graph import ROWS_PER_TRANSACTION, GraphStore
from graphdb.store.records import Row, snapshot_of


@dataclass(frozen=True, slots=True)
class UnusedSegment:
    """A segment that no snapshot uses. It holds `count` relationships, and `children` child clusters if it is INTER."""

    id: str
    kind: str
    count: int
    children: int


@dataclass(frozen=True, slots=True)
class VideoUsage:
    """How much the graph holds of one video, and the ids of the snapshots that use it and have not ended."""

    video: str
    uri: str
    starts: int
    patches: int
    snapshots: Sequence[str]


class RemovalStore(GraphStore):
    """A GraphStore that can delete videos, segments and cluster models."""

    # Forgetting

    def uris(self) -> dict[str, str]:
        """Return the URI of every video, by its id."""
        return {row["id"]: row["uri"] for row in self._read("videos")}

    def video_usage(self, videos: Sequence[str]) -> list[VideoUsage]:
        """Return how much the graph holds of these videos. Unknown videos are left out."""
        rows = self._read("held_by_videos", videos=list(videos))
        return [VideoUsage(row["id"], row["uri"], row["starts"], row["patches"], row["snapshots"]) for row in rows]

    def begin_forgetting(self, videos: Sequence[str]) -> None:
        """Mark videos as being forgotten, and end the snapshots that use them, in one transaction."""
        self._write("begin_forgetting", videos=list(videos))

    def ended_snapshots(self) -> list[Snapshot]:
        """Return the snapshots that have ended and still hold their segments.

        Newest first, so that `latest` soon names a complete snapshot again.
        """
        return [snapshot_of(row["snapshot"]) for row in self._read("ended_snapshots")]

    def remaining_starts(self, snapshot: str) -> dict[str, tuple[str, list[str]]]:
        """Return the segment and the sorted start ids of each video of a snapshot that is not being forgotten."""
        rows = self._read("rest_of_snapshot", id=snapshot)
        return {row["video"]: (row["segment"], sorted(row["starts"])) for row in rows}

    def end_snapshot(self, id: str, successor: str | None) -> None:
        """End a snapshot in one transaction: it names its successor, and lets go of its segments.

        Snapshots that named it as their successor name the new successor. A successor that is older takes its place in
        the order of snapshots.
        """

        def work(tx: ManagedTransaction) -> None:
            run_query(tx, "end_snapshot", id=id, successor=successor)
            run_query(tx, "follow_successor", id=id, successor=successor)

        self._transact(work)

    def edges_around(self, video: str) -> list[UnusedSegment]:
        """Return the unused segments of the parents that a video has starts in."""
        rows = self._read("edges_around", video=video)
        return [UnusedSegment(row["id"], "inter", row["count"], 0) for row in rows]

    def delete_patches(self, video: str) -> None:
        """Delete the tracks, patches and frames of a video in one transaction. Delete its INTER edges before."""
        self._write("delete_patches", video=video)

    def delete_videos(self, videos: Sequence[str]) -> None:
        """Delete the nodes of videos without patches and segments."""
        self._write("delete_videos", videos=list(videos))

    # Pruning

    def snapshots_read(self) -> list[tuple[Snapshot, bool]]:
        """Return the snapshots that have not ended, newest first, and whether each was read within a day."""
        return [(snapshot_of(row["snapshot"]), row["read"]) for row in self._read("snapshots_read")]

    def unused_segments(self, kept: Sequence[str]) -> list[UnusedSegment]:
        """Return the segments that none of these snapshots uses, except the current tracks of a video."""
        rows = self._read("unused_segments", kept=list(kept))
        return [UnusedSegment(row["id"], row["kind"], row["count"], row["children"]) for row in rows]

    def intra_segments(self) -> set[str]:
        """Return the id of every segment of tracks."""
        return {row["id"] for row in self._read("intra_segments")}

    def fits(self) -> list[str]:
        """Return the ids of the cluster models that have assigned starts."""
        return [row["fit"] for row in self._read("fits")]

    def delete_fit(self, fit: str) -> Iterator[int]:
        """Delete the parents of a cluster model. Yields the number of starts that each step took out of them."""
        while deleted := int(self._write("delete_placements", fit=fit, count=ROWS_PER_TRANSACTION)[0]["deleted"]):
            yield deleted
        self._write("delete_parents", fit=fit)

    # Forgetting and pruning

    def delete_segments(self, segments: Sequence[UnusedSegment]) -> Iterator[int]:
        """Delete segments of one kind with all that they hold. Yields the number of segments that each step deleted."""
        for batch in batches(segments):
            name = {"inter": "delete_edges", "intra": "delete_tracks"}[batch[0].kind]
            self._write(name, segments=[segment.id for segment in batch])
            yield len(batch)

    def sweep_parents(self) -> None:
        """Remove the parents without starts and without segments."""
        self._write("sweep_parents")

    # The archive

    def live_bytes(self) -> dict[str, int]:
        """Return how many bytes of every shard are pointed to; `shards` returns how many it holds."""
        return {row["shard"]: row["bytes"] for row in self._read("live_bytes")}

    def shard_images(self, shard: str) -> dict[str, Location]:
        """Return the locations of all images of a shard that the graph points to, by id, in order of their offset."""
        images = self._read("shard_images", shard=shard)[0]["images"]
        return {id: Location(shard, offset, size) for id, offset, size in sorted(images, key=itemgetter(1))}

    def move_images(self, images: Mapping[str, Location], shard: str, end: int) -> None:
        """Point to the new locations of images, and set the committed end of their shard, in one transaction."""
        rows: list[Row] = [{"id": id, **location._asdict()} for id, location in images.items()]

        def work(tx: ManagedTransaction) -> None:
            run_query(tx, "write_shard", id=shard, end=end)
            for name in ("move_patches", "move_frames"):
                run_query(tx, name, images=rows)

        self._transact(work)

    def drop_shard(self, old: str, newest: str, end: int) -> None:
        """Remove a shard that nothing points into. The newest one is kept, so that no shard number is used again."""

        def work(tx: ManagedTransaction) -> None:
            run_query(tx, "write_shard", id=newest, end=end)
            run_query(tx, "sweep_shards", ids=[old])

        self._transact(work)


def batches(segments: Sequence[UnusedSegment]) -> Iterator[list[UnusedSegment]]:
    """Group segments so that each group holds no more relationships than a transaction should delete."""
    batch: list[UnusedSegment] = []
    size = 0
    for segment in segments:
        # A segment itself costs a few rows.
        if batch and size + segment.count > ROWS_PER_TRANSACTION:
            yield batch
            batch, size = [], 0
        batch.append(segment)
        size += segment.count + 5
    if batch:
        yield batch
