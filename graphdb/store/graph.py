"""GraphStore: read the affinity graph, and write videos, clusters and snapshots to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar

from neo4j import ManagedTransaction
from neo4j.exceptions import Neo4jError

from foundation.errors import DiskNearlyFull
from graphdb.errors import GraphdbError
from graphdb.model import InterEdges, Snapshot, Track, Video, intra_segment_id, parent_id, settings_text, snapshot_id
from graphdb.store import schema
from graphdb.store.connection import run_query
from graphdb.store.reading import GraphReader
from graphdb.store.records import track_row

ROWS_PER_TRANSACTION = 5_000
"""Rows that one transaction writes: enough to be fast, few enough for a small heap."""

T = TypeVar("T")


class GraphStore(GraphReader):
    """Reads and writes the affinity graph in a Neo4j. Each method that writes may be repeated after an interruption."""

    def ensure_schema(self) -> None:
        """Create the constraints and indexes that are missing, all of them or none.

        Raises GraphdbError if they collide with constraints, indexes or data of others.
        """
        existing = schema.targets(self._read("indexes"))
        if not schema.missing(existing):
            return
        if collision := schema.name_collision(existing):
            raise self._schema_collision(collision)
        try:
            self._transact(schema.create)
        except Neo4jError as error:
            if ".Schema." not in (error.code or ""):
                raise
            raise self._schema_collision(" ".join((error.message or str(error)).split()).rstrip(".")) from error
        self._driver.execute_query("CALL db.awaitIndexes(300)", database_=self._database)

    def _schema_collision(self, reason: str) -> GraphdbError:
        return GraphdbError(
            f"The database {self.contents().database!r} at {self.uri} has something in the way of our constraints: "
            f"{reason}. Nothing was changed. Name another database with NEO4J_DATABASE, or another server with "
            "NEO4J_URI."
        )

    def claim_store(self, id: str) -> str:
        """Give the graph this store id if it has none, and return the id that it has."""
        return str(self._write("claim_store", id=id)[0]["id"])

    def write_video(self, video: Video, frames: int, tracks: Sequence[Track], shard: str, end: int) -> str:
        """Store a mined video in one transaction: its tracks of `frames` frames, their segment, and the archive's end.

        Returns the id of the segment. If it is stored already, nothing changes.
        """
        tracks = sorted(tracks, key=lambda track: track.start.id)
        lines = (f"{track.start.id} {track.end.id}" for track in tracks)
        id = intra_segment_id(video.id, video.mining, frames, lines)

        def work(tx: ManagedTransaction) -> None:
            run_query(tx, "write_video", video=asdict(video))
            run_query(tx, "write_shard", id=shard, end=end)
            if not run_query(tx, "segment", id=id):
                first = claim_keys(tx, "intra", len(tracks))
                about = {"count": len(tracks), "mining": video.mining, "frames": frames}
                run_query(tx, "write_intra_segment", video=video.id, id=id, first=first, **about)
                run_query(
                    tx, "write_tracks", video=video.id, first=first, tracks=[track_row(track) for track in tracks]
                )
            run_query(tx, "put_in_force", id=id)

        self._transact(work)
        return id

    def write_parents(self, fit: str, numbers: Mapping[str, int]) -> None:
        """Assign starts to parents: the cluster number of each start id, under one cluster model."""
        rows = [{"start": id, "parent": parent_id(fit, number), "number": number} for id, number in numbers.items()]
        for batch in _batches(rows):
            self._write("write_parents", fit=fit, rows=batch)

    def write_inter(self, inter: InterEdges) -> str:
        """Store one version of one parent's INTER edges in one transaction, and return the id of the segment."""
        id, count = inter.segment, len(inter.edges)

        def work(tx: ManagedTransaction) -> None:
            if run_query(tx, "segment", id=id):
                return
            first = claim_keys(tx, "inter", count)
            about = {"id": id, "first": first, "count": count, "inputs": inter.inputs}
            run_query(tx, "write_inter_segment", parent=inter.parent, **about)
            run_query(tx, "write_inter", first=first, edges=[list(edge) for edge in inter.edges])
            run_query(tx, "write_children", segment=id, children=[list(child) for child in inter.children])
            run_query(tx, "write_copies", segment=id, copies=[list(copy) for copy in inter.copies])

        self._transact(work)
        return id

    def publish(
        self,
        segments: Sequence[str],
        frames: int,
        fit: str | None,
        settings: dict[str, Any],
        *,
        recipe: dict[str, Any] | None = None,
        replaces: str | None = None,
    ) -> Snapshot:
        """Publish a snapshot of these segments. If the same content was published before, return that snapshot.

        The new snapshot is the newest one. If it `replaces` another snapshot, it takes that one's place in the order.
        """
        id, about = snapshot_id(fit, frames, settings, segments), {"fit": fit, "frames": frames}
        about |= {"settings": settings_text(settings), "recipe": json.dumps(recipe) if recipe else None}
        if not self._write("create_snapshot", id=id, **about)[0]["published"]:
            for batch in _batches(sorted(segments)):
                self._write("use_segments", id=id, segments=batch)
            self._write("publish_snapshot", id=id, replaces=replaces)
        return self.snapshot(id)

    def sweep_snapshots(self) -> None:
        """Remove what an interrupted publication left."""
        self._write("sweep_snapshots")

    def touch_snapshot(self, snapshot: str) -> None:
        """Record that the snapshot is in use, at most once a minute."""
        with suppress(DiskNearlyFull):
            self._write("touch_snapshot", id=snapshot)


def claim_keys(tx: ManagedTransaction, kind: str, count: int) -> int:
    """Reserve `count` consecutive keys that no other relationship of this kind has, and return the first."""
    return int(run_query(tx, "claim_keys", kind=kind, count=count)[0]["first"])


def _batches(rows: Sequence[T]) -> Iterable[Sequence[T]]:
    return (rows[at : at + ROWS_PER_TRANSACTION] for at in range(0, len(rows), ROWS_PER_TRANSACTION))
