"""The same request gives the same bytes from any service, while the graph grows and shrinks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from itertools import product
from threading import Event, Thread

import pytest
import urllib3

from api.sampling.order import MAX_POSITION
from api.wire.arrow import MEDIA_TYPE
from graphdb.model import Snapshot
from tests.conftest import Graph, end, free_port, wait_until_ready
from tests.integration.api.test_service_outside import metrics
from tests.integration.workshop import Workshop

LATER = 3
"""Videos that are ingested while a snapshot without them is being read."""
ORDERS = ("seed=0&mix=transitive:7,intra:2&negatives=batch", f"seed={2**63 - 1}&mix=intra:2,inter:1&negatives=graph")
RANGES = ((0, 1), (10**9 - 50, 100), (MAX_POSITION, 2))
"""Positions and counts; the second range crosses the end of a window."""
SMALL = [f"{order}&position={position}&count={count}" for order in ORDERS for position, count in RANGES]
LARGE = [f"{ORDERS[0]}&position=0&count=4095", f"{ORDERS[1]}&position={MAX_POSITION}&count=4096"]
JSON = "application/json"
Bodies = dict[tuple[str, str], str]


def bodies(url: str, snapshot: Snapshot, queries: list[str], http: urllib3.PoolManager) -> Bodies:
    """Return the digest of the answer to each query, in both forms."""
    found = {}
    for query, form in product(queries, (JSON, MEDIA_TYPE)):
        # A new connection for each request, so that the workers take turns.
        headers = {"Accept": form, "Connection": "close"}
        answer = http.request(
            "GET", f"{url}/v1/snapshots/{snapshot.id}/triplets?{query}", headers=headers, retries=False
        )
        assert answer.status == 200, answer.data
        found[query, form] = sha256(answer.data).hexdigest()
    return found


@contextmanager
def reading(url: str, snapshot: Snapshot, expected: Bodies) -> Iterator[None]:
    """Meanwhile, repeat the small queries in a thread, and compare the answers."""
    stop, answers = Event(), list[Mapping[tuple[str, str], str]]()

    def read() -> None:
        http = urllib3.PoolManager()
        while not stop.is_set():
            answers.append(bodies(url, snapshot, SMALL, http))

    reader = Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        stop.set()
        reader.join()
    assert answers and all(one == {key: expected[key] for key in one} for one in answers)


@contextmanager
def workers(graph: Graph, number: int, **environment: str) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = graph.start("serve", "--port", str(port), "--workers", str(number), **environment)
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        end(process)


def test_the_bytes_of_an_epoch_stay_the_same_for_any_service_and_any_change_of_the_graph(workshop: Workshop) -> None:
    graph, http = workshop.graph, urllib3.PoolManager()
    workshop.empty()
    workshop.add(workshop.videos[:-LATER])
    snapshot = workshop.publish()
    assert snapshot.counts.transitive > 0
    with graph.service(free_port()) as url:
        expected = bodies(url, snapshot, SMALL + LARGE, http)
        assert len(set(expected.values())) == len(expected)
        with reading(url, snapshot, expected):
            workshop.add(workshop.videos[-LATER:])
            grown = workshop.publish()
            refitted = workshop.publish(refit=True)
            # Pruning keeps the snapshot that is being read, and the newest one.
            pruned = graph.json("graph", "prune", "--keep", "1")
        assert set(pruned["kept"]) == {snapshot.id, refitted.id} and pruned["deleted"]["snapshots"] == 1
        assert grown.id not in pruned["kept"]
        assert bodies(url, snapshot, SMALL + LARGE, http) == expected
    with workers(graph, 2, AFFINITY_CACHE_BYTES="0") as url:
        assert bodies(url, snapshot, SMALL + LARGE, http) == expected


@pytest.mark.parametrize("negatives", ["batch", "graph"])
def test_a_far_position_needs_no_more_windows_than_the_first_one(world: Graph, negatives: str) -> None:
    snapshot = world.store.snapshot("latest")

    def read(url: str) -> float:
        return sum(number for name, number in metrics(url).items() if name.startswith("affinity_windows_total"))

    with world.service(free_port(), AFFINITY_CACHE_BYTES="0") as url:
        lookups = []
        for position in (0, 10**9, 2**62):
            before = read(url)
            query = f"seed=1&negatives={negatives}&position={position}&count=10"
            bodies(url, snapshot, [query], urllib3.PoolManager())
            lookups.append(read(url) - before)
    assert len(set(lookups)) == 1 and lookups[0] > 0
