"""A state machine of readers, the service and the graph: dropped and resumed readers, other worlds, restarts, ingest,
clustering, pruning, forgetting, in any order.

`AFFINITY_READER_EXAMPLES` sets the number of random examples; each takes seconds.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any, ClassVar

import pytest
import urllib3
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from api.app import create_app
from api.client import ServiceError, TripletBatch, TripletClient, TripletStream
from api.server.main import address, listen
from api.server.protocol import BoundedProtocol
from api.settings import ServiceSettings
from api.wire.arrow import MEDIA_TYPE
from foundation.data_folder import DataFolder
from tests.integration.ingest.test_prune import prune
from tests.integration.workshop import Workshop

EXAMPLES = int(os.environ.get("AFFINITY_READER_EXAMPLES") or 4)
STEPS = 12
MIX = "intra:2,transitive:1"
LATER_VIDEOS = 4
"""Videos that are ingested while readers read."""
FEWEST_VIDEOS = 9
Pair = tuple[str, str]
NO_SUCH_PAIRS = 422
"""The status with which a small snapshot may refuse a mix. Its body holds the id of the request."""
QUERIES = [
    {"seed": 1, "mix": MIX, "negatives": "batch", "position": 0, "count": 30},
    {"seed": 1, "mix": MIX, "negatives": "graph", "position": 10**9, "count": 7},
    {"seed": 2**63 - 1, "mix": "transitive:7,intra:2", "negatives": "batch", "position": 2**62 - 50, "count": 50},
    {"seed": 0, "mix": "transitive:1", "negatives": "graph", "position": 3990, "count": 20},
]


@contextmanager
def serving(folder: DataFolder, **options: Any) -> Iterator[str]:
    """Run a service in this process, and yield its address."""
    with listen("127.0.0.1", 0) as listener:
        app = create_app(ServiceSettings(folder=folder, **options))
        server = uvicorn.Server(uvicorn.Config(app, http=BoundedProtocol, log_config=None, log_level="critical"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.005)
            yield address(listener)
        finally:
            settle(app)
            server.should_exit = True
            thread.join()


def settle(app: FastAPI) -> None:
    """Wait until all reads ended: otherwise their connections would be left open when this service closes."""
    cache = app.state.service._cache
    while cache._reads or cache._background:
        time.sleep(0.005)


class Readers(RuleBasedStateMachine):
    """The known state of each snapshot, and the pairs that all readers together have read of the present one."""

    workshop: ClassVar[Workshop]

    def __init__(self) -> None:
        super().__init__()
        self.left = iter(self.workshop.videos[-LATER_VIDEOS:])
        self.bytes: dict[tuple[str, int], tuple[int, bytes]] = {}
        """The first answer to each query of a snapshot."""
        self.ended: dict[str, str | None] = {}
        """The successor of each ended snapshot."""
        self.workshop.empty()
        self.workshop.add(self.workshop.videos[:-LATER_VIDEOS])
        self.service = ExitStack()
        self.reading = ExitStack()
        self.begin(self.workshop.publish().id)
        self.serve()

    def begin(self, snapshot: str) -> None:
        """Begin to read a snapshot from its first position on."""
        self.snapshot = snapshot
        self.pairs_read: Counter[Pair] = Counter()
        self.state: dict[str, Any] | None = None
        pairs = self.workshop.graph.cypher(
            """
            MATCH (:Snapshot {id: $id})-[:USES]->(g:Segment {kind: 'intra'})
            MATCH (a)-[r:INTRA]->(b) WHERE r.key >= g.first AND r.key < g.first + g.count
            RETURN a.id AS a, b.id AS b""",
            id=snapshot,
        )
        self.pairs = {(row["a"], row["b"]) for row in pairs}
        self.streams: list[TripletStream] = []

    def serve(self, **options: Any) -> None:
        """Start a service, in place of the one before."""
        self.drop_readers()
        self.service.close()
        self.url = self.service.enter_context(serving(self.workshop.graph.folder, **options))
        self.client = self.service.enter_context(TripletClient(self.url, patience=60))

    # Readers

    def read(self, world: int, batch: int) -> None:
        """Start `world` readers at the last stored state."""
        self.drop_readers()
        mix = MIX if self.client.snapshot(self.snapshot)["counts"]["transitive"] else "intra:1"
        order: dict[str, Any] = {"seed": 3, "mix": mix, "batch": batch, "world": world, "ahead": 2}
        streams = [TripletStream(self.client, self.snapshot, rank=rank, **order) for rank in range(world)]
        self.streams = [self.reading.enter_context(stream) for stream in streams]
        for stream in self.streams:
            if self.state:
                stream.load_state_dict(self.state)

    def drop_readers(self) -> None:
        """Stop the readers without storing their state."""
        self.reading.close()
        self.streams = []

    def take(self, steps: int) -> None:
        """Take batches from every reader, and store the state."""
        taken = [next(stream) for stream in reversed(self.streams) for _ in range(steps)]
        self.pairs_read.update(pair for batch in taken for pair in first_epoch(batch))
        states = [stream.state_dict() for stream in self.streams]
        assert all(state == states[0] for state in states)
        self.state = states[0]

    def finish(self) -> None:
        """Read to the end of the epoch, and check that every pair of the first kind was read once."""
        self.read(world=2, batch=100)
        while sum(self.pairs_read.values()) < len(self.pairs):
            self.take(1)
        assert set(self.pairs_read) == self.pairs and set(self.pairs_read.values()) == {1}
        self.begin(self.snapshot)

    @rule(world=st.sampled_from([8, 3, 5, 1]), batch=st.sampled_from([1, 4, 37]))
    def another_world(self, world: int, batch: int) -> None:
        self.read(world, batch)

    @precondition(lambda self: self.streams)
    @rule(steps=st.integers(1, 3))
    def pull(self, steps: int) -> None:
        self.take(steps)

    @precondition(lambda self: self.streams)
    @rule()
    def drop(self) -> None:
        next(self.streams[-1])
        self.drop_readers()

    @rule()
    def an_epoch(self) -> None:
        self.finish()

    # The service

    @rule(cache=st.sampled_from([0, 2**20, 2**28]), readers=st.sampled_from([1, 8]))
    def restart(self, cache: int, readers: int) -> None:
        self.serve(cache_bytes=cache, readers=readers)

    @rule()
    def the_same_bytes(self) -> None:
        """Check that the answer to each earlier query is the same, or that the snapshot has ended."""
        for snapshot in {self.snapshot, *(snapshot for snapshot, _ in self.bytes)}:
            for number in range(len(QUERIES)):
                self.check_answer(snapshot, number)

    def check_answer(self, snapshot: str, number: int) -> None:
        status, body = self.get(snapshot, number)
        if snapshot in self.ended:
            until = time.monotonic() + 5
            while status == 200 and time.monotonic() < until:
                # Shortly after the end the service still gives the old answer.
                assert (status, body) == self.bytes.get((snapshot, number), (status, body))
                status, body = self.get(snapshot, number)
            assert status == 410
            with pytest.raises(ServiceError) as gone:
                self.client.snapshot(snapshot)
            assert gone.value.problem["successor"] == self.ended[snapshot]
        else:
            assert status in (200, NO_SUCH_PAIRS), body
            assert (status, body) == self.bytes.setdefault((snapshot, number), (status, body))

    def get(self, snapshot: str, number: int) -> tuple[int, bytes]:
        answer = urllib3.request(
            "GET",
            f"{self.url}/v1/snapshots/{snapshot}/triplets",
            fields={name: str(value) for name, value in QUERIES[number].items()},
            headers={"Accept": MEDIA_TYPE},
            timeout=60,
        )
        return answer.status, b"" if answer.status == NO_SUCH_PAIRS else answer.data

    # The graph

    @rule()
    def ingest(self) -> None:
        if video := next(self.left, None):
            self.workshop.add([video])
            self.workshop.publish()

    @rule()
    def cluster_again(self) -> None:
        self.workshop.publish(refit=True)

    @rule(keep=st.integers(1, 2))
    def prune(self, keep: int) -> None:
        prune(self.workshop, keep)
        self.update_ended()

    @rule(video=st.integers(0, 15))
    def forget(self, video: int) -> None:
        videos = sorted(row["id"] for row in self.workshop.graph.cypher("MATCH (v:Video) RETURN v.id AS id"))
        if len(videos) > FEWEST_VIDEOS:
            self.workshop.forget([videos[video % len(videos)]])
            self.update_ended()

    def update_ended(self) -> None:
        """Store which snapshots have ended. The readers of an ended snapshot go on with its successor."""
        rows = self.workshop.graph.cypher("MATCH (s:Snapshot) RETURN s.id AS id, s.ended AS ended, s.successor AS next")
        self.ended = {row["id"]: row["next"] for row in rows if row["ended"]}
        if self.snapshot in self.ended:
            self.drop_readers()
            self.check_answer(self.snapshot, 0)
            successor = self.snapshot
            while successor in self.ended:
                following = self.ended[successor]
                assert following
                successor = following
            self.begin(successor)

    def teardown(self) -> None:
        try:
            self.the_same_bytes()
            self.finish()
        finally:
            self.drop_readers()
            self.service.close()


def first_epoch(batch: TripletBatch) -> Iterator[Pair]:
    rows = zip(batch.kind, batch.epoch.tolist(), batch.anchor_id, batch.positive_id, strict=True)
    return ((a, b) for kind, epoch, a, b in rows if kind == "intra" and epoch == 0)


@pytest.fixture
def readers(workshop: Workshop) -> type[Readers]:
    Readers.workshop = workshop
    return Readers


def test_readers_in_changing_worlds_read_every_pair_once_while_the_graph_changes(readers: type[Readers]) -> None:
    machine = readers()
    try:
        machine.another_world(8, 4)
        machine.the_same_bytes()
        machine.pull(1)
        machine.ingest()
        machine.pull(1)
        machine.cluster_again()
        machine.another_world(3, 1)
        machine.pull(2)
        machine.drop()
        machine.restart(0, 1)
        machine.prune(1)
        machine.the_same_bytes()
        machine.another_world(5, 4)
        machine.pull(1)
        machine.an_epoch()
        machine.restart(2**28, 8)
        machine.another_world(2, 4)
        machine.pull(1)
        machine.forget(0)
        machine.the_same_bytes()
    finally:
        machine.teardown()


@pytest.mark.slow
def test_in_any_order_of_events_readers_get_the_same_bytes_and_each_pair_once(
    readers: type[Readers],
) -> None:
    run_state_machine_as_test(
        readers,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
