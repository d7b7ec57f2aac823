"""Frames over HTTP: the frame of each track once an epoch, always the same bytes, and an error if none were kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import urllib3

from api.client import ServiceError, TripletClient
from tests.conftest import Graph, free_port

FRAMES_OF_TRACKS = (
    "MATCH (s:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'intra'}) "
    "MATCH (a)-[r:INTRA]->() WHERE g.first <= r.key < g.first + g.count "
    "MATCH (a)-[:SEEN]->(f:Frame) RETURN f.id AS frame"
)


def test_an_epoch_gives_the_frame_of_every_track_once(world: Graph, client: TripletClient, snapshot: str) -> None:
    tracks = Counter(row["frame"] for row in world.cypher(FRAMES_OF_TRACKS, id=snapshot))
    total = tracks.total()
    epochs = [
        client.frames(snapshot, seed=5, position=begin, count=total).frame_id for begin in (0, total, 10**9 * total)
    ]
    for frames in epochs:
        assert Counter(frames) == tracks
    assert epochs[0] != epochs[1] != epochs[2]


def test_any_division_into_requests_gives_the_same_frames(client: TripletClient, snapshot: str) -> None:
    whole = client.frames(snapshot, seed=1, position=7, count=40)
    parts = [client.frames(snapshot, seed=1, position=7 + begin, count=8) for begin in range(0, 40, 8)]
    assert [id for part in parts for id in part.frame_id] == list(whole.frame_id)
    assert [bytes(image) for part in parts for image in part.images] == [bytes(image) for image in whole.images]
    assert whole.position.tolist() == list(range(7, 47))


def test_frames_are_images_whose_short_side_is_at_most_256(client: TripletClient, snapshot: str) -> None:
    batch = client.frames(snapshot, seed=0, position=0, count=5)
    for jpeg in batch.images:
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert min(pixels.shape[:2]) <= 256


def test_json_has_the_same_frames_and_links_to_their_images(service: str, client: TripletClient, snapshot: str) -> None:
    batch = client.frames(snapshot, seed=3, position=2, count=4)
    answer = urllib3.request("GET", f"{service}/v1/snapshots/latest/frames?seed=3&position=2&count=4").json()
    assert answer["snapshot"] == snapshot
    assert [frame["id"] for frame in answer["frames"]] == list(batch.frame_id)
    for frame, jpeg in zip(answer["frames"], batch.images, strict=True):
        assert urllib3.request("GET", service + frame["image"]).data == jpeg


def test_an_unknown_frame_is_a_problem(service: str) -> None:
    answer = urllib3.request("GET", f"{service}/v1/frames/nothing/image")
    assert (answer.status, answer.json()["type"]) == (404, "/problems/frame-not-found")


def test_a_snapshot_without_whole_frames_is_refused(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", *map(str, clips[:12]), "--no-frames", "--parents", "2", "--members", "2")
    with graph.service(free_port()) as url, TripletClient(url, patience=30) as client:
        snapshot = client.snapshot()["id"]
        with pytest.raises(ServiceError, match="have no whole frame") as refused:
            client.frames(snapshot, seed=0, position=0, count=4)
    assert refused.value.type == "/problems/frames-not-kept"
