"""GraphStore: the graph, a method per `.cypher` file; rows become the values of `model.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from neo4j import ManagedTransaction
from neo4j.exceptions import Neo4jError

from foundation.errors import DiskNearlyFull
from graphdb.errors import FrameNotFound, FramesNotKept, PatchNotFound, SchemaCollision, SnapshotGone, SnapshotNotFound
from graphdb.model import (
    LABELS,
    ChildCluster,
    Ends,
    Frames,
    Holding,
    Integers,
    InterEdges,
    InterRows,
    IntraRows,
    LinkedParent,
    Location,
    Neighbor,
    PatchDetail,
    Patches,
    Segments,
    ShownTrack,
    Snapshot,
    Texts,
    Track,
    Video,
    end_id,
    intra_segment_id,
    parent_id,
    settings_text,
    snapshot_id,
    video_of,
)
from graphdb.store import schema
from graphdb.store.connection import Neo4jConnection, run
from graphdb.store.records import (
    Entity,
    PropertyTypes,
    answered,
    frames,
    location,
    patch_of,
    patches,
    shown_track,
    snapshot_of,
    texts,
    track_row,
)

if TYPE_CHECKING:
    pass

ROWS = 5_000
"""Rows that one transaction writes: large enough to be fast, small enough for a small heap."""


class GraphStore(Neo4jConnection):
    """The affinity graph in a Neo4j."""

    # What holds the store together

    def holding(self) -> Holding:
        """What the database holds, whoever wrote it."""
        return Holding(**self._read("foreign")[0])

    def edition(self) -> str:
        """`community` or `enterprise`."""
        return str(self._read("edition")[0]["edition"])

    def ensure_schema(self) -> None:
        """Create the constraints and indexes that are missing, all of them or none. Raises SchemaCollision."""
        there = schema.targets(self._read("indexes"))
        if not schema.missing(there):
            return
        if taken := schema.taken(there):
            raise SchemaCollision(self.holding().database, self.uri, taken)
        try:
            self._transact(schema.create)
        except Neo4jError as error:
            if ".Schema." not in (error.code or ""):
                raise
            reason = " ".join((error.message or str(error)).split()).rstrip(".")
            raise SchemaCollision(self.holding().database, self.uri, reason) from error
        self._driver.execute_query("CALL db.awaitIndexes(300)", database_=self._database)

    def store_id(self) -> str | None:
        rows = self._read("store")
        return rows[0]["id"] if rows else None

    def claim_store(self, id: str) -> str:
        """Give the graph this id if it has none; the one it has."""
        return str(self._write("claim_store", id=id)[0]["id"])

    def counts(self) -> dict[str, int]:
        """How many videos, patches, relationships … the whole graph holds."""
        return dict(self._read("counts")[0])

    # Ingest: videos and their tracks

    def videos(self) -> dict[str, set[str]]:
        """Of every known video, the mining digests of its current tracks: one a track length."""
        return {row["id"]: set(row["minings"]) for row in self._read("videos")}

    def other_crop(self, crop: int) -> int | None:
        """A side of crops, in pixels, that some video has and that is not `crop`."""
        rows = self._read("other_crops", crop=crop)
        return rows[0]["crop"] if rows else None

    def forgotten(self) -> dict[str, str]:
        """The videos that are being forgotten, with their files."""
        return {row["id"]: row["uri"] for row in self._read("forgotten")}

    def shards(self) -> dict[str, int]:
        """The committed end of every shard of the archive, in bytes."""
        return {row["id"]: row["end"] for row in self._read("shards")}

    def write_video(self, video: Video, frames: int, tracks: Sequence[Track], shard: str, end: int) -> str:
        """Store a mined video in one transaction: its tracks of `frames` frames, their segment, the archive's new end.

        Returns the segment's id. Writing what is there already changes nothing.
        """
        tracks = sorted(tracks, key=lambda track: track.start.id)
        lines = (f"{track.start.id} {track.end.id}" for track in tracks)
        id = intra_segment_id(video.id, video.mining, frames, lines)

        def work(tx: ManagedTransaction) -> None:
            run(tx, "write_video", video=asdict(video))
            run(tx, "write_shard", id=shard, end=end)
            if not run(tx, "segment", id=id):
                first = claim_keys(tx, "intra", len(tracks))
                about = {"count": len(tracks), "mining": video.mining, "frames": frames}
                run(tx, "write_intra_segment", video=video.id, id=id, first=first, **about)
                run(tx, "write_tracks", video=video.id, first=first, tracks=[track_row(track) for track in tracks])
            run(tx, "put_in_force", id=id)

        self._transact(work)
        return id

    def tracked_starts(self, frames: int) -> dict[str, tuple[str, list[str]]]:
        """Of every video: its current intra segment of this track length, and the ids of its starts, sorted."""
        rows = self._read("tracked_starts", frames=frames)
        return {row["video"]: (row["segment"], sorted(row["starts"])) for row in rows}

    def pixels(self, ids: Sequence[str]) -> dict[str, Location]:
        """Where the images of these patches lie."""
        return {row["id"]: location(row) for row in self._read("pixels", ids=list(ids))}

    # Ingest: parents, INTER, snapshots

    def write_parents(self, fit: str, numbers: Mapping[str, int]) -> None:
        """Place starts (id → number of the cluster) under a centroid fit."""
        rows = [{"start": id, "parent": parent_id(fit, number), "number": number} for id, number in numbers.items()]
        for at in range(0, len(rows), ROWS):
            self._write("write_parents", fit=fit, rows=rows[at : at + ROWS])

    def assigned_starts(self, fit: str) -> dict[str, int]:
        """The number of the cluster of every start that this fit has placed."""
        rows = self._read("assigned_starts", fit=fit)
        return {id: row["number"] for row in rows for id in row["starts"]}

    def segments_by_inputs(self, inputs: Iterable[str]) -> dict[str, LinkedParent]:
        """What was already computed from these inputs."""
        rows = self._read("segments_by_inputs", inputs=list(inputs))
        return {row["inputs"]: LinkedParent(row["id"], sorted(tuple(copy) for copy in row["copies"])) for row in rows}

    def write_inter(self, inter: InterEdges) -> str:
        """Store one version of one parent's INTER edges in one transaction; the segment's id."""
        id = inter.segment

        def work(tx: ManagedTransaction) -> None:
            if run(tx, "segment", id=id):
                return
            count = len(inter.edges)
            first = claim_keys(tx, "inter", count)
            run(
                tx,
                "write_inter_segment",
                parent=inter.parent,
                id=id,
                first=first,
                count=count,
                inputs=inter.inputs,
            )
            run(tx, "write_inter", first=first, edges=[list(edge) for edge in inter.edges])
            run(tx, "write_children", segment=id, children=[list(child) for child in inter.children])
            run(tx, "write_copies", segment=id, copies=[list(copy) for copy in inter.copies])

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
        succeeds: str | None = None,
    ) -> Snapshot:
        """Publish a snapshot of these segments; the existing one where its content was published before.

        It is the newest from then on, or, where it `succeeds` another one, in the place of that.
        """
        id, about = snapshot_id(fit, frames, settings, segments), {"fit": fit, "frames": frames}
        about |= {"settings": settings_text(settings), "recipe": json.dumps(recipe) if recipe else None}
        if not self._write("create_snapshot", id=id, **about)[0]["published"]:
            for at in range(0, len(segments), ROWS):
                self._write("use_segments", id=id, segments=sorted(segments)[at : at + ROWS])
            self._write("publish_snapshot", id=id, succeeds=succeeds)
        return self.snapshot(id)

    def sweep_snapshots(self) -> None:
        """Remove what an interrupted publication left."""
        self._write("sweep_snapshots")

    # The service: snapshots and samples

    def snapshots(self) -> list[Snapshot]:
        """The published snapshots, newest first."""
        return [snapshot_of(row["snapshot"]) for row in self._read("snapshots") if not row["snapshot"].get("ended")]

    def snapshot(self, id: str) -> Snapshot:
        """A published snapshot by its id, or `latest`. Raises SnapshotNotFound, SnapshotGone."""
        if id == "latest":
            if newest := self.snapshots():
                return newest[0]
            raise SnapshotNotFound(id)
        rows = self._read("snapshot", id=id)
        if not rows:
            raise SnapshotNotFound(id)
        properties = rows[0]["snapshot"]
        if properties.get("ended"):
            raise SnapshotGone(id, properties.get("successor"))
        return snapshot_of(properties)

    def segments(self, snapshot: str) -> Segments:
        """The segments of a snapshot in id order."""
        rows = self._read("segments", id=snapshot)

        def numbers(kind: str, name: str) -> Integers:
            return np.array([row[name] for row in rows if row["kind"] == kind], np.int64)

        return Segments(
            inter_first=numbers("inter", "first"),
            inter_count=numbers("inter", "count"),
            inter_parent=texts([row["parent"] for row in rows if row["kind"] == "inter"]),
            intra_first=numbers("intra", "first"),
            intra_count=numbers("intra", "count"),
        )

    def snapshot_inter(self, snapshot: str) -> list[tuple[str, str]]:
        """The ids that every INTER edge of a snapshot joins."""
        rows = self._read("snapshot_inter", id=snapshot)
        return [pair for row in rows for pair in zip(row["a"], row["b"], strict=True)]

    def snapshot_edges(self, snapshot: str) -> tuple[list[tuple[str, str, float]], set[tuple[str, str]]]:
        """The INTER edges of a snapshot with their similarity; and the pairs of videos that are copies."""
        rows = self._read("snapshot_edges", id=snapshot)
        edges = [(a, b, similarity) for row in rows for a, b, similarity in row["edges"]]
        return edges, {(a, b) for row in rows for a, b in row["copies"]}

    def snapshot_starts(self, snapshot: str) -> dict[str, tuple[str, list[str]]]:
        """Of every video of a snapshot: its URI, which another one may have had before it, and its starts' ids."""
        return {row["video"]: (row["uri"], row["starts"]) for row in self._read("snapshot_starts", id=snapshot)}

    def touch_snapshot(self, snapshot: str) -> None:
        """Note that somebody reads it, at most once a minute."""
        with suppress(DiskNearlyFull):
            self._write("touch_snapshot", id=snapshot)

    def sample_inter(self, keys: Sequence[int], groups: Texts, ends: Ends, frames: int) -> InterRows:
        """The INTER edges with these keys, which join starts of these groups; row i answers keys[i].

        `ends` says of either side (A, B) where the end of its track of `frames` frames is wanted instead of the start.
        """
        wanted = {side: ends_of.tolist() for side, ends_of in zip("ab", ends, strict=True)}
        row = self._read("sample_inter", keys=list(keys), aEnds=wanted["a"], bEnds=wanted["b"], frames=frames)[0]
        key = answered(row["i"], len(keys), "INTER")
        order = np.argsort(key)

        def side(name: str) -> Patches:
            starts = zip(row[f"{name}_id"], row["i"], strict=True)
            ids = [end_id(id, frames) if wanted[name][i] else id for id, i in starts]
            return patches(row, name, ids, groups[key]).at(order)

        return InterRows(side("a"), side("b"), np.array(row["similarity"], np.float64)[order])

    def sample_intra(self, keys: Sequence[int], fit: str | None) -> IntraRows:
        """The tracks with these keys; row i answers keys[i]. A start the fit has not placed has its video as group."""
        row = self._read("sample_intra", keys=list(keys), fit=fit)[0]
        order = np.argsort(answered(row["i"], len(keys), "INTRA"))
        groups = texts(
            [
                parent_id(fit or "", number) if number >= 0 else video_of(id)
                for number, id in zip(row["number"], row["a_id"], strict=True)
            ]
        )
        ends = [end_id(id, frames) for id, frames in zip(row["a_id"], row["frames"], strict=True)]
        start, end = patches(row, "a", row["a_id"], groups), patches(row, "b", ends, groups)
        return IntraRows(start.at(order), end.at(order))

    def sample_frames(self, keys: Sequence[int]) -> Frames:
        """The whole frames that the tracks with these keys start in; row i answers keys[i]. Raises FramesNotKept."""
        row = self._read("sample_frames", keys=list(keys))[0]
        if lost := len(keys) - row["tracks"]:
            raise KeyError(f"{lost} of {len(keys)} INTRA keys are not in the graph")
        if missing := len(keys) - len(row["i"]):
            raise FramesNotKept(missing, len(keys))
        return frames(row).at(np.argsort(row["i"]))

    def frame(self, id: str) -> Location:
        """Where the image of a whole frame lies. Raises FrameNotFound."""
        rows = self._read("frame", id=id)
        if not rows:
            raise FrameNotFound(id)
        return location(rows[0])

    def patch(self, id: str) -> PatchDetail:
        """One patch with what is joined to it. Raises PatchNotFound."""
        rows = self._read("patch", id=id)
        if not rows:
            raise PatchNotFound(id)
        row = rows[0]
        return PatchDetail(
            patch=patch_of(row["patch"]),
            role="start" if row["start"] else "end",
            video=row["video"],
            uri=row["uri"],
            frame=location(row["frame"]) if row["frame"] else None,
            parents=row["parents"],
            intra=[Neighbor(id, frames=frames) for id, frames in row["intra"]],
            inter=[Neighbor(id, similarity=similarity) for id, similarity in row["inter"]],
        )

    # People: what to look at

    def show_tracks(self, starts: Sequence[str], frames: int) -> list[ShownTrack]:
        """The tracks of `frames` frames that begin at these starts, in their order."""
        rows = {row["start"]["id"]: row for row in self._read("show_tracks", starts=list(starts), frames=frames)}
        return [shown_track(rows[start]) for start in starts]

    def show_children(self, snapshot: str, videos: Sequence[str] | None = None) -> dict[int, list[str]]:
        """The ids of a snapshot's child clusters by the number of their parent; `videos`: with a member from one."""
        rows = self._read("show_children", id=snapshot, videos=None if videos is None else list(videos))
        return {row["parent"]: sorted(row["children"]) for row in rows}

    def show_members(self, children: Sequence[str]) -> list[ChildCluster]:
        """Child clusters by id, in the order asked."""
        rows = {row["child"]: row for row in self._read("show_members", children=list(children))}
        return [ChildCluster(id, rows[id]["members"], rows[id]["similarities"]) for id in children]

    # The whole graph, as it is, and nothing else that the database may hold: export

    def node_types(self) -> Iterator[PropertyTypes]:
        """The properties of our nodes of every set of labels, and the types of their values."""
        return ((tuple(kind), name, types) for kind, name, types in self._stream("export/node_types", labels=LABELS))

    def relationship_types(self) -> Iterator[PropertyTypes]:
        """The properties of every type of relationship between our nodes, and the types of their values."""
        return (
            (tuple(kind), name, types) for kind, name, types in self._stream("export/relationship_types", labels=LABELS)
        )

    def nodes(self) -> Iterator[Entity]:
        """Every node of ours."""
        return ((tuple(kind), ids, row) for kind, ids, row in self._stream("export/nodes", labels=LABELS))

    def relationships(self) -> Iterator[Entity]:
        """Every relationship between two nodes of ours."""
        return ((tuple(kind), ids, row) for kind, ids, row in self._stream("export/relationships", labels=LABELS))


def claim_keys(tx: ManagedTransaction, kind: str, count: int) -> int:
    """The first of `count` consecutive keys that no other relationship of this kind has."""
    return int(run(tx, "claim_keys", kind=kind, count=count)[0]["first"])
