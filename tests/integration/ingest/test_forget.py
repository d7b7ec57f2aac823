"""Forgetting: nothing is left of a video, and its snapshots get the successors that ingest gives without it."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

import pytest
from neo4j import RoutingControl

from api.client import ServiceError, TripletClient
from graphdb.archive.shards import shard_files, shard_path
from graphdb.errors import SnapshotGone
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.deletion import RemovalStore
from graphdb.store.records import Row
from ingest import context, pipeline
from ingest.features.factory import cached_extractor
from ingest.retention.forget import matching_videos
from ingest.settings import IngestSettings
from tests.conftest import Wait, free_port
from tests.integration.fingerprint import fingerprint
from tests.integration.killing import killed
from tests.integration.workshop import CLUSTERING, Workshop, published

ORDER: dict[str, Any] = {"seed": 0, "mix": "intra:1", "negatives": "batch", "position": 0, "count": 20}


def traces(workshop: Workshop, video: str) -> list[str]:
    """Find what graph and data folder still hold of a video."""
    rows = workshop.graph.cypher(
        "MATCH (n) WHERE any(key IN keys(n) WHERE toString(n[key]) CONTAINS $video) RETURN labels(n) AS labels",
        video=video,
    )
    found = [str(row["labels"]) for row in rows]
    images = [track.start.jpeg for track in workshop.mined["first"][video].tracks]
    for path in workshop.graph.folder.root.rglob("*"):
        if video in path.name:
            found.append(path.name)
        elif path.is_file() and any(image in path.read_bytes() for image in images):
            found.append(f"pixels in {path.name}")
    return found


def test_nothing_is_left_of_a_forgotten_video_and_the_rest_equals_an_ingest_without_it(workshop: Workshop) -> None:
    everything = published(workshop)
    training = next(one for one in workshop.graph.store.snapshots() if one.id != everything.id)
    gone = [id for id in workshop.videos if id in workshop.graph.store.snapshot_starts(training.id)][:2]
    assert all(traces(workshop, video) for video in gone)

    uri = workshop.mined["first"][gone[0]].uri
    done = workshop.graph.run("forget", uri, gone[1][:9], "--yes", "--workers", "1")

    assert [traces(workshop, video) for video in gone] == [[], []]
    assert workshop.check().found == []
    successors = {}
    for snapshot in (training, everything):
        assert f"Snapshot {snapshot.id} has ended" in done.stderr
        with pytest.raises(SnapshotGone) as error:
            workshop.graph.store.snapshot(snapshot.id)
        assert error.value.successor
        successors[snapshot.id] = error.value.successor
    held_out = workshop.graph.store.snapshot(successors[training.id])
    assert held_out.settings == training.settings and held_out.fit == training.fit
    found = fingerprint(workshop.graph)

    fits = workshop.graph.folder.root / "kept"
    shutil.move(workshop.graph.folder.fits, fits)
    workshop.empty(fits)
    workshop.add([video for video in workshop.videos if video not in gone])
    assert workshop.publish(hold_out=0.3).id == successors[everything.id]
    assert {one.id for one in workshop.graph.store.snapshots()} == set(successors.values())
    nodes, relationships = fingerprint(workshop.graph)
    ended = {node for node in found[0] if node[0] == "Snapshot" and "ended" in dict(node[1])}
    assert (found[0] - ended, found[1]) == (nodes, relationships)


def test_a_snapshot_without_the_video_gives_the_same_bytes_while_its_pixels_move(
    workshop: Workshop, wait_for: Wait
) -> None:
    everything = published(workshop)
    training = next(one for one in workshop.graph.store.snapshots() if one.id != everything.id)
    held_out = [id for id in workshop.videos if id not in workshop.graph.store.snapshot_starts(training.id)]
    with (
        workshop.graph.service(free_port()) as url,
        workshop.graph.service(free_port()) as fresh,
        TripletClient(url) as client,
        TripletClient(fresh) as reader,
    ):
        before = client.triplets(training.id, **ORDER)
        # This service knows the locations of the images, but has not opened the shard.
        with urllib.request.urlopen(f"{fresh}/v1/snapshots/{training.id}/triplets?mix=intra:1&count=20") as response:
            assert response.status == 200
        client.triplets(everything.id, **ORDER)
        shards = shard_files(workshop.graph.folder.archive)

        ended = workshop.forget(held_out)

        assert set(ended) == {everything.id} and ended[everything.id]
        assert shard_files(workshop.graph.folder.archive) != shards
        for each in (client, reader):
            after = each.triplets(training.id, **ORDER)
            assert (after.anchor_id, after.images) == (before.anchor_id, before.images)
        for each in (client, reader):
            with pytest.raises(ServiceError) as error:
                wait_for(lambda each=each: each.triplets(everything.id, **ORDER) is None)  # type: ignore[misc]
            assert (error.value.status, error.value.problem["successor"]) == (410, ended[everything.id])
            each.triplets(str(ended[everything.id]), **ORDER)


def test_a_damaged_image_of_another_video_does_not_stop_forgetting_and_is_still_found_by_the_check(
    workshop: Workshop,
) -> None:
    published(workshop)
    gone, other = workshop.videos[:2]
    place = (
        "MATCH (a:Start)-[:FROM]->(:Video {id: $video}) RETURN a.id AS id, a.shard AS shard, a.offset AS offset LIMIT 1"
    )
    [damaged] = workshop.graph.cypher(place, video=other)
    with shard_path(workshop.graph.folder.archive, damaged["shard"]).open("r+b") as file:
        file.seek(damaged["offset"])
        file.write(workshop.mined["first"][gone].tracks[0].start.jpeg[:1] + b"spoiled")

    workshop.forget([gone])

    assert traces(workshop, gone) == []
    [finding] = workshop.check().found
    assert finding.count == 1 and damaged["id"] in str(finding)


@pytest.mark.slow
def test_forgetting_that_is_killed_leaves_no_damage_and_the_next_command_continues(workshop: Workshop) -> None:
    """It is killed before several of its writes, and before it deletes the old shard: another video each time."""
    published(workshop)
    left = workshop.videos
    for when in ("1", "2", "4", "6", "8", ".tar"):
        video = left.pop(0)
        assert killed(when, workshop.graph.environment, "forget", video, "--yes", "--workers", "1")
        findings = workshop.check()
        assert not findings.damaged, (when, findings.found)
        half = [finding for finding in findings.found if finding.rule == "No video is left half forgotten."]
        assert [finding.examples for finding in half] == ([] if when == "1" else [[video]])
        assert {finding.area for finding in findings.found} <= {"leftover", "shards", "features"}, findings.found
        if when == "1":
            workshop.graph.run("forget", video, "--yes")
        else:
            workshop.publish()
        assert traces(workshop, video) == []
        assert workshop.check().found == []
    last = workshop.graph.store.snapshot("latest")
    assert set(workshop.graph.store.snapshot_starts(last.id)) == set(left)


class WatchedStore(RemovalStore):
    """Records the deadline of each query."""

    deadlines: ClassVar[dict[str, set[float]]] = {}

    def _execute(self, name: str, parameters: Row, routing: RoutingControl) -> list[Any]:
        self.deadlines.setdefault(name, set()).add(self._timeout)
        return super()._execute(name, parameters, routing)


def test_queries_that_finish_forgetting_in_an_ingest_have_the_deadline_of_forget(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(workshop)
    workshop.graph.store._write("begin_forgetting", videos=workshop.videos[:1])
    monkeypatch.setattr(context, "RemovalStore", WatchedStore)
    pipeline.cluster(workshop.graph.folder, IngestSettings(clustering=CLUSTERING, workers=1), workshop.report)
    found = WatchedStore.deadlines
    for name in ("edges_around", "delete_patches", "live_bytes", "shard_images", "delete_videos"):
        assert found[name] == {WHOLE_GRAPH_SECONDS}
    assert found["tracked_starts"] == {60.0}
    assert traces(workshop, workshop.videos[0]) == []


def test_a_forgotten_video_that_is_ingested_again_restores_its_snapshot(workshop: Workshop) -> None:
    before = published(workshop)
    video = workshop.videos[0]
    successor = workshop.forget([video])[before.id]
    with pytest.raises(SnapshotGone):
        workshop.graph.store.snapshot(before.id)
    workshop.add([video])
    assert workshop.publish().id == before.id
    assert workshop.graph.store.snapshot(before.id).counts == before.counts
    assert workshop.forget([video])[before.id] == successor
    assert workshop.check().found == []


def test_snapshots_of_an_earlier_mining_get_successors_too(workshop: Workshop) -> None:
    before = published(workshop)
    again = workshop.videos[1:4]
    workshop.add(again, "again")
    now = workshop.publish()
    gone = workshop.videos[0]
    ended = workshop.forget([gone])
    assert {before.id, now.id} <= set(ended) and len(set(ended.values())) == len(ended)
    assert workshop.check().found == []
    assert {path.name for path in workshop.graph.folder.root.iterdir()} <= {
        "archive",
        "features",
        "fits",
        "views",
        "store",
    }
    kept = shutil.copytree(workshop.graph.folder.fits, workshop.graph.folder.root / "kept")
    edges = workshop.edges(str(ended[before.id]))
    workshop.empty(kept)
    workshop.add([video for video in workshop.videos if video != gone])
    batch = workshop.publish()
    assert (batch.id, workshop.edges(batch.id)) == (ended[before.id], edges)


def test_latest_is_the_successor_of_the_latest_snapshot(workshop: Workshop) -> None:
    """A newer snapshot without the video stays, and the successor of an older one is older than it."""
    workshop.empty()
    few, gone = workshop.videos[:6], workshop.videos[6]
    workshop.add(few)
    small = workshop.publish()
    workshop.add([gone])
    old = workshop.publish()
    store = workshop.graph.store
    newer = store.publish(
        [
            row["id"]
            for row in workshop.graph.cypher("MATCH (:Snapshot {id: $id})-->(g) RETURN g.id AS id", id=small.id)
        ],
        small.frames,
        small.fit,
        {**small.settings, "note": "newer"},
    )
    assert workshop.forget([gone])[old.id] == small.id
    assert [one.id for one in store.snapshots()] == [newer.id, small.id]
    workshop.add([gone])
    latest = workshop.publish()
    assert store.snapshot("latest").id == latest.id
    assert workshop.forget([gone])[latest.id] == small.id
    assert [one.id for one in store.snapshots()] == [small.id, newer.id]


def test_a_snapshot_with_a_file_of_weights_gets_a_successor_while_the_file_exists(
    workshop: Workshop, tmp_path: Path
) -> None:
    import timm
    from safetensors.torch import save_file

    weights = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False, num_classes=0).state_dict(), weights)
    workshop.empty()
    workshop.add(workshop.videos[:12])
    before = workshop.publish(features="timm:test_resnet", weights=weights)
    for gone in workshop.videos[:2]:
        shutil.rmtree(workshop.graph.folder.features)
        ended = workshop.forget([gone])
        assert bool(ended[before.id]) == weights.exists()
        if weights.exists():
            before = workshop.graph.store.snapshot(str(ended[before.id]))
            weights.unlink()
            cached_extractor.cache_clear()
    assert any("nothing takes its place" in note and "weights.safetensors" in note for note in workshop.report.notes)
    assert workshop.check().found == []


def test_forgetting_the_last_video_leaves_only_an_ended_snapshot(workshop: Workshop) -> None:
    workshop.empty()
    workshop.add(workshop.videos[:1])
    snapshot = workshop.publish()
    assert workshop.forget(workshop.videos[:1]) == {snapshot.id: None}
    counts = workshop.graph.store.counts()
    assert counts.pop("snapshots") == 1 and set(counts.values()) == {0}
    assert workshop.check().found == []
    workshop.add(workshop.videos[:1])
    assert workshop.publish().id == snapshot.id
    assert [path.name for path in shard_files(workshop.graph.folder.archive)] == ["000001.tar"]


def test_an_unknown_or_ambiguous_name_is_an_error_and_without_confirmation_nothing_changes(workshop: Workshop) -> None:
    published(workshop)
    before = fingerprint(workshop.graph)
    for name, message in (("nothing.mp4", "holds no video nothing.mp4"), (workshop.videos[0][:3], "holds no video")):
        refused = workshop.graph.run("forget", workshop.videos[0], name, "--yes", check=False)
        assert refused.returncode == 1 and message in refused.stderr and "Traceback" not in refused.stderr
    unconfirmed = workshop.graph.run("forget", workshop.videos[0], check=False)
    assert unconfirmed.returncode == 1 and workshop.mined["first"][workshop.videos[0]].uri in unconfirmed.stderr
    assert fingerprint(workshop.graph) == before


def test_the_content_of_a_file_counts_before_its_uri(tmp_path: Path) -> None:
    from ingest.video.discovery import video_id

    file = tmp_path / "clip.mp4"
    file.write_bytes(b"new content")
    known = {video_id(file): "file:///elsewhere.mp4", "0123456789abcdef": file.as_uri(), "0123456789ab0000": "x"}
    assert matching_videos(str(file), known) == [video_id(file)]
    assert matching_videos(file.as_uri(), known) == ["0123456789abcdef"]
    del known[video_id(file)]
    assert matching_videos(str(file), known) == ["0123456789abcdef"]
    assert matching_videos("0123456789ab0", known) == ["0123456789ab0000"]
