"""GraphStore: repeated writes change nothing, keys are consecutive, snapshots are immutable, stores do not mix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foundation.data_folder import DataFolder
from graphdb.archive.writer import ArchiveWriter
from graphdb.errors import GraphUnavailable, PatchNotFound, SnapshotGone, SnapshotNotFound, StoreMismatch
from graphdb.model import InterEdges, Location, Patch, Track, Video, end_id, parent_id, start_id
from graphdb.store import connection
from graphdb.store.deletion import RemovalStore
from graphdb.store.graph import GraphStore
from graphdb.store.ownership import claim, relation
from graphdb.store.records import texts
from tests.conftest import Graph

VIDEOS = [f"{number:016x}" for number in range(1, 7)]
FRAMES = 30
START, END = Location("000000", 512, 7), Location("000000", 1536, 7)


def video(id: str) -> Video:
    return Video(id, f"file:///{id}.mp4", 25.0, 320, 180, 60, 2.4, "mining", 96)


def track(video: str, frame: int) -> Track:
    start = start_id(video, frame, 10, 20, 100)
    a = Patch(start, frame, frame / 25, 10, 20, 100, 0.5, START)
    b = Patch(end_id(start, FRAMES), frame + FRAMES, 1.0, 11, 20, 100, 0.0, END)
    return Track(a, b, FRAMES, Location("000000", 2560, 7))


def write(graph: Graph, videos: list[str]) -> list[str]:
    """Write two tracks per video, and return the ids of the segments."""
    return [graph.store.write_video(video(id), FRAMES, [track(id, 5), track(id, 30)], "000000", 4096) for id in videos]


def link(graph: Graph, videos: list[str], fit: str = "fit") -> tuple[InterEdges, str]:
    """Write the first starts of four videos as one child cluster. Returns the edges and the id of their segment."""
    starts = [track(id, 5).start.id for id in videos[:4]]
    graph.store.write_parents(fit, dict.fromkeys(starts, 3))
    edges = [(a, b, 0.5) for i, a in enumerate(starts) for b in starts[i + 1 :]]
    inter = InterEdges(parent_id(fit, 3), "inputs", edges, [tuple(starts)])
    return inter, graph.store.write_inter(inter)


def test_writing_twice_changes_nothing(graph: Graph) -> None:
    segments = write(graph, VIDEOS)
    _, segment = link(graph, VIDEOS)
    before = graph.store.counts()
    assert write(graph, VIDEOS) == segments
    assert link(graph, VIDEOS)[1] == segment
    assert graph.store.counts() == before
    assert (before["videos"], before["patches"], before["intra"], before["inter"]) == (6, 24, 12, 6)


def test_a_segment_holds_consecutive_keys(graph: Graph) -> None:
    write(graph, VIDEOS)
    link(graph, VIDEOS)
    for kind in ("INTRA", "INTER"):
        keys = [row["key"] for row in graph.cypher(f"MATCH ()-[r:{kind}]->() RETURN r.key AS key ORDER BY key")]
        assert keys == list(range(len(keys)))
    rows = graph.cypher("MATCH (g:Segment {kind: 'intra'}) RETURN g.first AS first, g.count AS count ORDER BY first")
    assert [row["first"] for row in rows] == [0, 2, 4, 6, 8, 10]


def test_samples_are_in_the_order_of_the_keys(graph: Graph) -> None:
    write(graph, VIDEOS)
    inter, _ = link(graph, VIDEOS)
    keys = [4, 0, 3, 4]
    ends = (np.array([False, True, True, True]), np.array([True, False, True, False]))
    groups = texts(["g", "h", "i", "j"])
    rows = graph.store.sample_inter(keys, groups, ends, FRAMES)
    edges = [inter.edges[key] for key in keys]
    for patches, starts, is_end in zip(
        (rows.a, rows.b), ([a for a, _, _ in edges], [b for _, b, _ in edges]), ends, strict=True
    ):
        wanted = [end_id(id, FRAMES) if end else id for id, end in zip(starts, is_end, strict=True)]
        assert patches.id.tolist() == wanted
        assert patches.offset.tolist() == [END.offset if end else START.offset for end in is_end]
        assert patches.group.tolist() == groups.tolist()
    assert rows.similarity.tolist() == [edge[2] for edge in edges]


def test_a_key_without_an_edge_is_an_error(graph: Graph) -> None:
    write(graph, VIDEOS)
    link(graph, VIDEOS)
    no_ends = (np.zeros(2, bool),) * 2
    with pytest.raises(KeyError, match="1 of 2 INTER"):
        graph.store.sample_inter([0, 99], texts(["g", "g"]), no_ends, FRAMES)
    with pytest.raises(KeyError, match="2 of 2 patches"):
        graph.store.sample_inter([0, 1], texts(["g", "g"]), (~no_ends[0], no_ends[1]), FRAMES + 1)


def test_segments_of_inter_edges_name_their_parent(graph: Graph) -> None:
    tracks = write(graph, VIDEOS)
    _, segment = link(graph, VIDEOS)
    published = graph.store.publish([*tracks, segment], FRAMES, "fit", {})
    assert graph.store.segments(published.id).inter_parent.tolist() == [parent_id("fit", 3)]


def test_the_group_of_a_start_without_a_parent_is_its_video(graph: Graph) -> None:
    write(graph, VIDEOS)
    link(graph, VIDEOS)
    rows = graph.store.sample_intra(range(12), "fit")
    groups = dict(zip([*rows.start.id, *rows.end.id], [*rows.start.group, *rows.end.group], strict=True))
    assert groups[track(VIDEOS[0], 5).start.id] == parent_id("fit", 3)
    assert groups[track(VIDEOS[0], 5).end.id] == parent_id("fit", 3)
    assert groups[track(VIDEOS[0], 30).start.id] == VIDEOS[0]
    assert set(graph.store.sample_intra(range(12), None).start.group) == set(VIDEOS)


def test_publishing_the_same_content_returns_the_existing_snapshot(graph: Graph) -> None:
    segments = write(graph, VIDEOS)
    first = graph.store.publish(segments, FRAMES, None, {"a": 1})
    assert graph.store.publish(segments[::-1], FRAMES, None, {"a": 1}) == first
    assert graph.store.publish(segments[:2], FRAMES, None, {"a": 1}).id != first.id
    assert (first.counts.videos, first.counts.intra, first.counts.patches) == (6, 12, 24)


def test_latest_is_the_snapshot_that_was_published_last(graph: Graph) -> None:
    segments = write(graph, VIDEOS)
    with pytest.raises(SnapshotNotFound, match="affinity ingest"):
        graph.store.snapshot("latest")
    for count in (2, 4, 6):
        published = graph.store.publish(segments[:count], FRAMES, None, {})
        assert graph.store.snapshot("latest") == published
    assert [snapshot.counts.videos for snapshot in graph.store.snapshots()] == [6, 4, 2]


def test_a_successor_takes_the_place_of_the_snapshot_that_it_replaces(graph: Graph) -> None:
    server, segments = graph.server, write(graph, VIDEOS)
    with RemovalStore(server.uri, server.user, server.password) as store:
        first, second, third, last = (store.publish(segments[:count], FRAMES, None, {}) for count in (3, 4, 5, 6))
        # First a new successor of an older snapshot, then an existing successor of the newest one.
        new = store.publish(segments[:2], FRAMES, None, {}, replaces=second.id)
        store.end_snapshot(second.id, new.id)
        assert [one.id for one in store.snapshots()] == [last.id, third.id, new.id, first.id]
        assert store.snapshot("latest") == last
        store.end_snapshot(last.id, first.id)
        assert [one.id for one in store.snapshots()] == [first.id, third.id, new.id]
        store.end_snapshot(third.id, first.id)
        assert [one.id for one, _ in store.snapshots_read()] == [first.id, new.id]
        assert store.publish(segments, FRAMES, None, {}) == store.snapshot("latest")


def test_an_unpublished_snapshot_is_invisible_and_is_swept(graph: Graph) -> None:
    segments = write(graph, VIDEOS)
    graph.cypher("CREATE (:Snapshot {id: 'half', created: datetime(), frames: 30, settings: '{}'})")
    with pytest.raises(SnapshotNotFound):
        graph.store.snapshot("half")
    graph.store.publish(segments, FRAMES, None, {})
    graph.store.sweep_snapshots()
    assert graph.store.counts()["snapshots"] == 1


def test_an_ended_snapshot_names_its_successor(graph: Graph) -> None:
    snapshot = graph.store.publish(write(graph, VIDEOS), FRAMES, None, {})
    graph.cypher("MATCH (s:Snapshot) SET s.ended = datetime(), s.successor = 'next'")
    with pytest.raises(SnapshotGone, match="use next"):
        graph.store.snapshot(snapshot.id)
    assert graph.store.snapshots() == []


def test_a_patch_lists_its_neighbors(graph: Graph) -> None:
    write(graph, VIDEOS)
    link(graph, VIDEOS)
    start = track(VIDEOS[0], 5).start
    detail = graph.store.patch(start.id)
    assert (detail.patch, detail.role, detail.video) == (start, "start", VIDEOS[0])
    assert [neighbor.id for neighbor in detail.intra] == [end_id(start.id, FRAMES)]
    assert [neighbor.id for neighbor in detail.inter] == [track(id, 5).start.id for id in VIDEOS[1:4]]
    assert detail.frame is not None
    assert graph.store.patch(end_id(start.id, FRAMES)).role == "end"
    with pytest.raises(PatchNotFound):
        graph.store.patch("nothing")


def test_the_use_of_a_snapshot_is_recorded_at_most_once_a_minute(graph: Graph) -> None:
    snapshot = graph.store.publish(write(graph, VIDEOS), FRAMES, None, {})
    stamp = "MATCH (s:Snapshot) RETURN s.read AS read"
    graph.store.touch_snapshot(snapshot.id)
    [first] = graph.cypher(stamp)
    graph.store.touch_snapshot(snapshot.id)
    assert graph.cypher(stamp) == [first]
    graph.cypher("MATCH (s:Snapshot) SET s.read = datetime() - duration('PT2M')")
    graph.store.touch_snapshot(snapshot.id)
    assert graph.cypher(stamp)[0]["read"] > first["read"]


def test_a_video_that_is_mined_again_gets_another_segment_and_keeps_the_old_one(graph: Graph) -> None:
    [old] = write(graph, VIDEOS[:1])
    snapshot = graph.store.publish([old], FRAMES, None, {})
    new = graph.store.write_video(
        replace(video(VIDEOS[0]), mining="other"), FRAMES, [track(VIDEOS[0], 5)], "000000", 4096
    )
    assert graph.store.tracked_starts(FRAMES) == {VIDEOS[0]: (new, [track(VIDEOS[0], 5).start.id])}
    assert graph.store.snapshot(snapshot.id) == snapshot
    assert graph.store.segments(snapshot.id).intra_count.tolist() == [2]


def test_a_data_folder_of_another_store_is_refused_before_anything_changes(graph: Graph, tmp_path: Path) -> None:
    write(graph, VIDEOS)
    other = DataFolder.resolve(tmp_path / "other")
    with pytest.raises(StoreMismatch, match="none"):
        claim(graph.store, other)
    other.store_file.write_text("other\n")
    with pytest.raises(StoreMismatch, match="other"):
        claim(graph.store, other)
    assert other.store_file.read_text() == "other\n"
    assert graph.store.store_id() == graph.folder.store_file.read_text().strip()


def test_images_of_an_unknown_store_are_refused_and_kept(graph: Graph, tmp_path: Path) -> None:
    folder = DataFolder.resolve(tmp_path / "restored")
    with ArchiveWriter(folder.archive, dict) as writer:
        writer.append([("a", b"precious")])
    with pytest.raises(StoreMismatch, match="belongs to store none"):
        claim(graph.store, folder)
    graph.cypher("MATCH (n) DETACH DELETE n")
    with pytest.raises(StoreMismatch, match=r"holds images, but its file `store` is missing, and the graph .* is new"):
        claim(graph.store, folder)
    assert not folder.store_file.exists() and graph.store.store_id() is None


def test_an_empty_graph_with_a_store_id_gives_it_to_a_new_folder(graph: Graph, tmp_path: Path) -> None:
    folder = DataFolder.resolve(tmp_path / "new")
    assert relation(graph.store, folder).kind == "unbound"
    assert claim(graph.store, folder) == graph.store.store_id()
    assert relation(graph.store, folder).kind == "same"


def test_an_error_names_the_server_that_does_not_answer() -> None:
    with GraphStore("bolt://127.0.0.1:9", "neo4j", "x", timeout=1) as store, pytest.raises(GraphUnavailable) as caught:
        store.ping()
    assert "bolt://127.0.0.1:9" in str(caught.value)


def test_the_wait_for_a_server_is_shorter_than_the_timeout_of_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.2)
    with GraphStore("bolt://127.0.0.1:1", "neo4j", "password", timeout=3600) as store:
        for query in (store.counts, lambda: store.write_video(video("v"), FRAMES, [], "000000", 0)):
            with pytest.raises(GraphUnavailable):
                query()


def test_a_wrong_password_is_an_error_that_names_the_setting(graph: Graph) -> None:
    with (
        GraphStore(graph.server.uri, "neo4j", "wrong") as store,
        pytest.raises(GraphUnavailable, match="NEO4J_PASSWORD"),
    ):
        store.ping()
