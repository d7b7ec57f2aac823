"""The queries that read the graph, one method each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from graphdb.errors import FrameNotFound, FramesNotKept, PatchNotFound, SnapshotGone, SnapshotNotFound
from graphdb.model import (
    LABELS,
    ChildCluster,
    DatabaseContents,
    Ends,
    Frames,
    Integers,
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
    Take,
    Texts,
    end_id,
    parent_id,
    video_of,
)
from graphdb.store.connection import Neo4jConnection
from graphdb.store.records import (
    Entity,
    PropertyTypes,
    frames,
    key_positions,
    location,
    patch_of,
    patches,
    shown_track,
    snapshot_of,
    texts,
)


class GraphReader(Neo4jConnection):
    """Reads the affinity graph in a Neo4j."""

    # The database

    def contents(self) -> DatabaseContents:
        """Return what the database holds, written by Affinity Graph or by others."""
        return DatabaseContents(**self._read("foreign")[0])

    def edition(self) -> str:
        """Return `community` or `enterprise`."""
        return str(self._read("edition")[0]["edition"])

    def store_id(self) -> str | None:
        """Return the id that the graph shares with its data folder, if it has one."""
        rows = self._read("store")
        return rows[0]["id"] if rows else None

    def counts(self) -> dict[str, int]:
        """Return the number of videos, patches, relationships … of the whole graph."""
        return dict(self._read("counts")[0])

    # Videos and their tracks

    def videos(self) -> dict[str, set[str]]:
        """Return, for every video, the mining digests of its current tracks: one per track length."""
        return {row["id"]: set(row["minings"]) for row in self._read("videos")}

    def other_crop_size(self, crop: int) -> int | None:
        """Return a side of patch images, in pixels, that some video has and that is not `crop`."""
        rows = self._read("other_crops", crop=crop)
        return rows[0]["crop"] if rows else None

    def forgotten(self) -> dict[str, str]:
        """Return the URIs of the videos that are being forgotten, by the ids of the videos."""
        return {row["id"]: row["uri"] for row in self._read("forgotten")}

    def shards(self) -> dict[str, int]:
        """Return the committed end of every shard of the archive, in bytes."""
        return {row["id"]: row["end"] for row in self._read("shards")}

    def tracked_starts(self, frames: int) -> dict[str, tuple[str, list[str]]]:
        """Return, for every video, its current segment of tracks of this length, and the sorted ids of its starts."""
        rows = self._read("tracked_starts", frames=frames)
        return {row["video"]: (row["segment"], sorted(row["starts"])) for row in rows}

    def pixels(self, ids: Sequence[str]) -> dict[str, Location]:
        """Return where the images of these patches are."""
        return {row["id"]: location(row) for row in self._read("pixels", ids=list(ids))}

    # Clusters

    def takes(self, segments: Sequence[str]) -> dict[str, Take]:
        """Return the take of each start of these segments of tracks. Starts of older graphs have none."""
        return self._takes("takes", segments=list(segments))

    def snapshot_takes(self, snapshot: str) -> dict[str, Take]:
        """Return the take of each start of a snapshot. Starts of older graphs have none."""
        return self._takes("snapshot_takes", id=snapshot)

    def _takes(self, query: str, **parameters: object) -> dict[str, Take]:
        rows = self._read(query, **parameters)
        return {id: Take(shot, thing, time) for row in rows for id, shot, thing, time in row["takes"]}

    def assigned_starts(self, fit: str) -> dict[str, int]:
        """Return the cluster number of every start that this cluster model has assigned."""
        rows = self._read("assigned_starts", fit=fit)
        return {id: row["number"] for row in rows for id in row["starts"]}

    def segments_by_inputs(self, inputs: Iterable[str]) -> dict[str, LinkedParent]:
        """Return what is already computed from these inputs, by input digest."""
        rows = self._read("segments_by_inputs", inputs=list(inputs))
        return {row["inputs"]: LinkedParent(row["id"], sorted(tuple(copy) for copy in row["copies"])) for row in rows}

    # Snapshots

    def snapshots(self) -> list[Snapshot]:
        """Return the published snapshots, newest first."""
        return [snapshot_of(row["snapshot"]) for row in self._read("snapshots") if not row["snapshot"].get("ended")]

    def snapshot(self, id: str) -> Snapshot:
        """Return the published snapshot with this id, or the newest for `latest`.

        Raises SnapshotNotFound and SnapshotGone.
        """
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
        """Return the segments of a snapshot in id order."""
        rows = self._read("segments", id=snapshot)

        def column(kind: str, name: str) -> Integers:
            return np.array([row[name] for row in rows if row["kind"] == kind], np.int64)

        return Segments(
            inter_first=column("inter", "first"),
            inter_count=column("inter", "count"),
            inter_parent=texts([row["parent"] for row in rows if row["kind"] == "inter"]),
            intra_first=column("intra", "first"),
            intra_count=column("intra", "count"),
        )

    def snapshot_inter(self, snapshot: str) -> list[tuple[str, str]]:
        """Return the two ids of every INTER edge of a snapshot."""
        rows = self._read("snapshot_inter", id=snapshot)
        return [pair for row in rows for pair in zip(row["a"], row["b"], strict=True)]

    def snapshot_edges(self, snapshot: str) -> tuple[list[tuple[str, str, float]], set[tuple[str, str]]]:
        """Return the INTER edges of a snapshot with their similarity, and the pairs of videos that are copies."""
        rows = self._read("snapshot_edges", id=snapshot)
        edges = [(a, b, similarity) for row in rows for a, b, similarity in row["edges"]]
        return edges, {(a, b) for row in rows for a, b in row["copies"]}

    def snapshot_starts(self, snapshot: str) -> dict[str, tuple[str, list[str]]]:
        """Return, for every video of a snapshot, its URI and the ids of its starts. Two videos may have one URI."""
        return {row["video"]: (row["uri"], row["starts"]) for row in self._read("snapshot_starts", id=snapshot)}

    # Samples for training

    def sample_inter(self, keys: Sequence[int], groups: Texts, ends: Ends, frames: int) -> InterRows:
        """Return the INTER edges with these keys: row i is the edge (A, B) of keys[i].

        `groups` holds the group of each edge. `ends` tells for A and for B where the end of its track of `frames`
        frames is wanted instead of the start. Raises KeyError if a key or a patch is not in the graph.
        """
        wanted = {side: ends_of.tolist() for side, ends_of in zip("ab", ends, strict=True)}
        row = self._read("sample_inter", keys=list(keys), aEnds=wanted["a"], bEnds=wanted["b"], frames=frames)[0]
        positions = key_positions(row["i"], len(keys), "INTER")
        order = np.argsort(positions)

        def side(name: str) -> Patches:
            starts = zip(row[f"{name}_id"], row["i"], strict=True)
            ids = [end_id(id, frames) if wanted[name][i] else id for id, i in starts]
            return patches(row, name, ids, groups[positions]).at(order)

        return InterRows(side("a"), side("b"), np.array(row["similarity"], np.float64)[order])

    def sample_intra(self, keys: Sequence[int], fit: str | None) -> IntraRows:
        """Return the tracks with these keys: row i is the track of keys[i].

        The group of a patch is its parent, or its video if the cluster model has not assigned its start. Raises
        KeyError if a key is not in the graph.
        """
        row = self._read("sample_intra", keys=list(keys), fit=fit)[0]
        order = np.argsort(key_positions(row["i"], len(keys), "INTRA"))
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
        """Return the whole frames that the tracks with these keys start in: row i is the frame of keys[i].

        Raises FramesNotKept, and KeyError if a key is not in the graph.
        """
        row = self._read("sample_frames", keys=list(keys))[0]
        if lost := len(keys) - row["tracks"]:
            raise KeyError(f"{lost} of {len(keys)} INTRA keys are not in the graph")
        if missing := len(keys) - len(row["i"]):
            raise FramesNotKept(missing, len(keys))
        return frames(row).at(np.argsort(row["i"]))

    # Single patches and frames

    def frame(self, id: str) -> Location:
        """Return where the image of a whole frame is. Raises FrameNotFound."""
        rows = self._read("frame", id=id)
        if not rows:
            raise FrameNotFound(id)
        return location(rows[0])

    def patch(self, id: str) -> PatchDetail:
        """Return one patch with its neighbors in the graph. Raises PatchNotFound."""
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

    # Contact sheets

    def show_tracks(self, starts: Sequence[str], frames: int) -> list[ShownTrack]:
        """Return the tracks of `frames` frames that begin at these starts, in their order."""
        rows = {row["start"]["id"]: row for row in self._read("show_tracks", starts=list(starts), frames=frames)}
        return [shown_track(rows[start]) for start in starts]

    def show_children(self, snapshot: str, videos: Sequence[str] | None = None) -> dict[int, list[str]]:
        """Return the ids of a snapshot's child clusters, by the number of their parent.

        `videos`: only children with a member from one of these videos.
        """
        rows = self._read("show_children", id=snapshot, videos=None if videos is None else list(videos))
        return {row["parent"]: sorted(row["children"]) for row in rows}

    def show_members(self, children: Sequence[str]) -> list[ChildCluster]:
        """Return the child clusters with these ids, in this order."""
        rows = {row["child"]: row for row in self._read("show_members", children=list(children))}
        return [ChildCluster(id, rows[id]["members"], rows[id]["similarities"]) for id in children]

    # Export of the whole graph, without the data of others

    def node_types(self) -> Iterator[PropertyTypes]:
        """Yield the properties of each set of node labels, with the types of their values."""
        return self._property_types("export/node_types")

    def relationship_types(self) -> Iterator[PropertyTypes]:
        """Yield the properties of each type of relationship, with the types of their values."""
        return self._property_types("export/relationship_types")

    def nodes(self) -> Iterator[Entity]:
        """Yield every node."""
        return self._entities("export/nodes")

    def relationships(self) -> Iterator[Entity]:
        """Yield every relationship between two nodes of Affinity Graph."""
        return self._entities("export/relationships")

    def _property_types(self, query: str) -> Iterator[PropertyTypes]:
        return ((tuple(kind), name, types) for kind, name, types in self._stream(query, labels=LABELS))

    def _entities(self, query: str) -> Iterator[Entity]:
        return ((tuple(kind), ids, row) for kind, ids, row in self._stream(query, labels=LABELS))
