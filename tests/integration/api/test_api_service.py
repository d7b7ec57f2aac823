"""The service besides triplets: snapshots, patches, refusals, start and stop."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import urllib3

from api.client import ServiceError, TripletClient
from graphdb.archive.writer import ArchiveWriter
from graphdb.model import InterEdges, Patch, Snapshot, Track, Video, end_id, parent_id, start_id
from tests.conftest import Graph, Wait, free_port

FRAMES = 30
VIDEOS = [f"{number:016x}" for number in range(1, 7)]


def get(url: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, headers=headers, redirect=False, retries=False, timeout=30)


def assert_problem(response: urllib3.BaseHTTPResponse, status: int, name: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.status == status, problem
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == f"/problems/{name}"
    return problem


def write(graph: Graph, videos: Sequence[str]) -> list[str]:
    """Write a track with images for each video; return the segments."""
    segments = []
    with ArchiveWriter(graph.folder.archive, graph.store.shards) as archive:
        for number, video in enumerate(videos):
            ids = (start_id(video, 0, 0, 0, 96), end_id(start_id(video, 0, 0, 0, 96), FRAMES))
            jpeg = bytes(cv2.imencode(".jpg", np.full((96, 96, 3), 40 * number, np.uint8))[1])
            places = archive.append([(id, jpeg) for id in ids])
            start, end = (Patch(id, 0, 0.0, 0, 0, 96, 0.1, at) for id, at in zip(ids, places, strict=True))
            about = Video(video, f"file:///{video}.mp4", 25.0, 320, 180, 60, 2.4, "mining", 96)
            track = Track(start, end, FRAMES, None)
            segments.append(graph.store.write_video(about, FRAMES, [track], archive.shard, archive.end))
    return segments


def publish(graph: Graph, videos: Sequence[str] = VIDEOS, parents: int = 2) -> Snapshot:
    """Publish a snapshot of these videos, assigned to the parents in turn, with one INTER edge in each parent."""
    segments = write(graph, videos)
    starts = [start_id(video, 0, 0, 0, 96) for video in sorted(videos)]
    graph.store.write_parents("fit", {start: number % parents for number, start in enumerate(starts)})
    for number in range(parents):
        edge = (starts[number], starts[number + parents], 0.75)
        segments.append(graph.store.write_inter(InterEdges(parent_id("fit", number), "inputs", [edge], [])))
    return graph.store.publish(segments, FRAMES, "fit", {"made": "up"})


def test_snapshots_are_listed_newest_first(graph: Graph) -> None:
    old, new = publish(graph, VIDEOS[:4]), publish(graph)
    with graph.service(free_port()) as url, TripletClient(url) as client:
        assert [(one["id"], one["latest"]) for one in client.snapshots()] == [(new.id, True), (old.id, False)]
        described = client.snapshot("latest")
        assert described == client.snapshot(new.id) == client.snapshots()[0]
        assert described["counts"] == {
            "videos": 6, "patches": 12, "intra": 6, "inter": 2, "transitive": 6, "children": 0, "parents": 2,
        }  # fmt: skip
        assert (described["fit"], described["frames"], described["settings"]) == ("fit", FRAMES, {"made": "up"})
        latest = get(f"{url}/v1/snapshots/latest/triplets?count=2&seed=1")
        assert latest.status == 307
        assert latest.headers["Location"] == f"/v1/snapshots/{new.id}/triplets?count=2&seed=1"


def test_a_patch_has_its_video_box_and_neighbors(graph: Graph) -> None:
    publish(graph)
    start = start_id(VIDEOS[0], 0, 0, 0, 96)
    with graph.service(free_port()) as url:
        patch = get(f"{url}/v1/patches/{start}").json()
        assert patch["video"] == {"id": VIDEOS[0], "uri": f"file:///{VIDEOS[0]}.mp4"}
        assert (patch["role"], patch["box"]) == ("start", {"x": 0, "y": 0, "side": 96})
        assert patch["parents"] == [parent_id("fit", 0)]
        assert patch["intra"] == [{"id": end_id(start, FRAMES), "frames": FRAMES}]
        assert patch["inter"] == [{"id": start_id(VIDEOS[2], 0, 0, 0, 96), "similarity": 0.75}]
        image = get(url + patch["image"])
        assert image.headers["Content-Type"] == "image/jpeg"
        pixels = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None and pixels.shape == (96, 96, 3)


def test_unknown_ids_are_refused(graph: Graph) -> None:
    with graph.service(free_port()) as url:
        assert_problem(get(f"{url}/v1/snapshots/latest"), 404, "snapshot-not-found")
        assert_problem(get(f"{url}/v1/snapshots/nothing/triplets"), 404, "snapshot-not-found")
        for path in ("nothing", "nothing/image", "%2e%2e%2f%2e%2e%2fetc%2fpasswd/image"):
            assert get(f"{url}/v1/patches/{path}").status == 404
        assert get(f"{url}/v1/snapshots").json() == {"snapshots": []}
        assert get(f"{url}/readyz").json() == {"status": "ready", "snapshots": 0}


OUT_OF_RANGE = f"""
seed=-1
seed={2**63}
position=-1
position={2**62 + 1}
count=0
count=4097
count=x
negatives=other
mix=
positon=3
"""


@pytest.mark.parametrize("query", OUT_OF_RANGE.split())
def test_a_query_out_of_range_is_refused(service: str, world: Graph, query: str) -> None:
    response = get(f"{service}/v1/snapshots/{world.store.snapshot('latest').id}/triplets?{query}")
    assert response.status == 422
    assert response.json()["detail"]


def test_a_mix_of_missing_kinds_is_refused_with_mixes_that_work(graph: Graph) -> None:
    snapshot = graph.store.publish(write(graph, VIDEOS), FRAMES, None, {})
    with graph.service(free_port()) as url:
        address = f"{url}/v1/snapshots/{snapshot.id}/triplets"
        problem = assert_problem(get(f"{address}?mix=transitive:7,intra:2"), 422, "mix-unavailable")
        assert problem["workable"] == ["intra:2", "intra:1"]
        for mix in problem["workable"]:
            answer = get(f"{address}?mix={mix}&count=20").json()
            # Without a fit, the group of a patch is its video.
            groups = {(one["anchor"]["group"], one["negative"]["group"]) for one in answer["triplets"]}
            assert all(left != right and left in VIDEOS for left, right in groups)
        assert_problem(get(f"{address}?mix=transitive:7;intra:2"), 422, "mix-unreadable")


def test_a_snapshot_of_one_group_is_refused(graph: Graph) -> None:
    snapshot = publish(graph, VIDEOS[:2], parents=1)
    with graph.service(free_port()) as url:
        for negatives in ("batch", "graph"):
            response = get(f"{url}/v1/snapshots/{snapshot.id}/triplets?negatives={negatives}")
            assert "one parent" in assert_problem(response, 422, "too-few-groups")["detail"]


def test_a_snapshot_that_ends_while_it_is_being_read_is_gone_and_names_its_successor(
    graph: Graph, wait_for: Wait
) -> None:
    snapshot = publish(graph)
    with graph.service(free_port()) as url, TripletClient(url) as client:
        query: dict[str, Any] = {"seed": 0, "mix": "transitive:1", "negatives": "batch", "position": 0, "count": 10}
        client.triplets(snapshot.id, **query)
        graph.cypher("MATCH (s:Snapshot) SET s.ended = datetime(), s.successor = 'next'")
        wait_for(lambda: get(f"{url}/v1/snapshots/{snapshot.id}/triplets").status == 410)
        with pytest.raises(ServiceError, match="next") as error:
            client.triplets(snapshot.id, **query)
        assert error.value.status == 410
        assert error.value.problem["successor"] == "next"


def test_reading_a_snapshot_stamps_it_in_the_graph(graph: Graph, wait_for: Wait) -> None:
    snapshot = publish(graph)
    with graph.service(free_port()) as url:
        get(f"{url}/v1/snapshots/{snapshot.id}/triplets")
        wait_for(lambda: graph.cypher("MATCH (s:Snapshot) RETURN s.read AS read")[0]["read"] is not None)


def test_lost_images_are_a_problem_that_reveals_no_path(graph: Graph) -> None:
    snapshot = publish(graph)
    with graph.service(free_port()) as url:
        for shard in graph.folder.archive.glob("*.tar"):
            shard.unlink()
        arrow = get(f"{url}/v1/snapshots/{snapshot.id}/triplets", Accept="application/vnd.apache.arrow.stream")
        assert_problem(arrow, 500, "archive-damaged")
        assert str(graph.folder.root).encode() not in arrow.data
        assert_problem(get(f"{url}/readyz"), 500, "archive-damaged")
        assert get(f"{url}/healthz").status == 200


def test_with_a_key_other_requests_are_refused(graph: Graph) -> None:
    snapshot = publish(graph)
    with graph.service(free_port(), AFFINITY_API_KEY="secret") as url:
        assert_problem(get(f"{url}/v1/snapshots"), 401, "key-needed")
        assert get(f"{url}/v1/snapshots", **{"X-API-Key": "secret"}).status == 200
        with TripletClient(url, api_key="secret") as client:
            assert client.snapshot()["id"] == snapshot.id
        with TripletClient(url, api_key="other") as client, pytest.raises(ServiceError, match="Key needed"):
            client.snapshot()


def test_the_api_is_described_and_its_page_needs_no_internet(service: str) -> None:
    page = get(f"{service}/docs").data.decode()
    assert "https://" not in page and "http://" not in page
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/docs-assets/{asset}" in page
        assert get(f"{service}/docs-assets/{asset}").status == 200
    described = get(f"{service}/openapi.json").json()
    assert set(described["paths"]) >= {"/v1/snapshots", "/v1/snapshots/{id}/triplets", "/v1/patches/{id}/image"}
    for operations in described["paths"].values():
        for answer in operations["get"]["responses"].items():
            assert answer[0] < "400" or set(answer[1]["content"]) == {"application/problem+json"}


def test_the_service_prints_its_address_and_ends_on_a_signal(graph: Graph) -> None:
    process = graph.start("serve", "--port", "0", "--json")
    assert process.stdout is not None
    printed = json.loads(process.stdout.readline())
    assert get(f"{printed['url']}/healthz").json() == {"status": "up"}
    assert get(printed["docs"]).status == 200
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_without_a_graph_the_service_does_not_start_and_says_why(tmp_path: Path, graph: Graph) -> None:
    process = graph.start("serve", "--port", "0", NEO4J_URI="bolt://127.0.0.1:1")
    assert process.stderr is not None
    assert process.wait(60) == 1
    message = process.stderr.read()
    assert "bolt://127.0.0.1:1" in message and "Traceback" not in message
