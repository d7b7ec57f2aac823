"""Readers against the service, in any order of what may happen to either and to the graph: drops, resumes, other
worlds, restarts, ingest, clustering, pruning, forgetting.

`AFFINITY_READER_EXAMPLES` stories instead of a few: each costs seconds.
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

from api import wire
from api.app import create_app
from api.client import ServiceError, TripletClient
from api.protocol import BoundedProtocol
from api.server import address, listen
from api.settings import ServiceSettings
from api.stream import TripletStream
from api.wire import TripletBatch
from graphdb.settings import DataFolder
from tests.integration.test_pruning import prune
from tests.integration.workshop import Workshop

EXAMPLES = int(os.environ.get("AFFINITY_READER_EXAMPLES") or 4)
STEPS = 12
MIX = "intra:2,transitive:1"
LATER_VIDEOS = 4
"""Those that are ingested while readers read."""
FEWEST_VIDEOS = 9
Pair = tuple[str, str]
NO_SUCH_PAIRS = 422
"""What a small snapshot may answer to a mix, under the id of the request."""
QUERIES = [
    {"seed": 1, "mix": MIX, "negatives": "batch", "position": 0, "count": 30},
    {"seed": 1, "mix": MIX, "negatives": "graph", "position": 10**9, "count": 7},
    {"seed": 2**63 - 1, "mix": "transitive:7,intra:2", "negatives": "batch", "position": 2**62 - 50, "count": 50},
    {"seed": 0, "mix": "transitive:1", "negatives": "graph", "position": 3990, "count": 20},
]


@contextmanager
def serving(folder: DataFolder, **options: Any) -> Iterator[str]:
    """A service in this process; its address."""
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
    """Wait until nothing is read ahead any more: a service that ends as a process does takes its connections along."""
    windows = app.state.service._windows
    while windows._under_way or windows._notes:
        time.sleep(0.005)


class Readers(RuleBasedStateMachine):
    """What is known of each snapshot, and what all readers together were given of the one that they read."""

    workshop: ClassVar[Workshop]

    def __init__(self) -> None:
        super().__init__()
        self.left = iter(self.workshop.videos[-LATER_VIDEOS:])
        self.bytes: dict[tuple[str, int], tuple[int, bytes]] = {}
        """What a query of a snapshot was answered first."""
        self.ended: dict[str, str | None] = {}
        """The successor of each snapshot that has ended."""
        self.workshop.empty()
        self.workshop.add(self.workshop.videos[:-LATER_VIDEOS])
        self.service = ExitStack()
        self.reading = ExitStack()
        self.begin(self.workshop.publish().id)
        self.serve()

    def begin(self, snapshot: str) -> None:
        """Read a snapshot from its first position on."""
        self.snapshot = snapshot
        self.given: Counter[Pair] = Counter()
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
        """A service takes the place of the one before it, if there was one."""
        self.throw_away()
        self.service.close()
        self.url = self.service.enter_context(serving(self.workshop.graph.folder, **options))
        self.client = self.service.enter_context(TripletClient(self.url, patience=60))

    # Readers

    def read(self, world: int, batch: int) -> None:
        """So many readers begin where the last ones were when they last remembered it."""
        self.throw_away()
        mix = MIX if self.client.snapshot(self.snapshot)["counts"]["transitive"] else "intra:1"
        order: dict[str, Any] = {"seed": 3, "mix": mix, "batch": batch, "world": world, "ahead": 2}
        streams = [TripletStream(self.client, self.snapshot, rank=rank, **order) for rank in range(world)]
        self.streams = [self.reading.enter_context(stream) for stream in streams]
        for stream in self.streams:
            if self.state:
                stream.load_state_dict(self.state)

    def throw_away(self) -> None:
        """The readers end as they stand, and nobody remembers what they were given since."""
        self.reading.close()
        self.streams = []

    def take(self, steps: int) -> None:
        """Every reader takes batches, and remembers it."""
        taken = [next(stream) for stream in reversed(self.streams) for _ in range(steps)]
        self.given.update(pair for batch in taken for pair in first_epoch(batch))
        states = [stream.state_dict() for stream in self.streams]
        assert all(state == states[0] for state in states)
        self.state = states[0]

    def finish(self) -> None:
        """To the end of the epoch: every pair of the first kind was given once, whoever asked for it."""
        self.read(world=2, batch=100)
        while sum(self.given.values()) < len(self.pairs):
            self.take(1)
        assert set(self.given) == self.pairs and set(self.given.values()) == {1}
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
        self.throw_away()

    @rule()
    def an_epoch(self) -> None:
        self.finish()

    # The service

    @rule(cache=st.sampled_from([0, 2**20, 2**28]), readers=st.sampled_from([1, 8]))
    def restart(self, cache: int, readers: int) -> None:
        self.serve(cache_bytes=cache, readers=readers)

    @rule()
    def the_same_bytes(self) -> None:
        """What was asked before is answered as before, or the snapshot has ended."""
        for snapshot in {self.snapshot, *(snapshot for snapshot, _ in self.bytes)}:
            for number in range(len(QUERIES)):
                self.ask(snapshot, number)

    def ask(self, snapshot: str, number: int) -> None:
        status, body = self.get(snapshot, number)
        if snapshot in self.ended:
            until = time.monotonic() + 5
            while status == 200 and time.monotonic() < until:
                # Whoever asked a moment before is still answered, with what stood there.
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
            headers={"Accept": wire.MEDIA_TYPE},
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
        self.look()

    @rule(video=st.integers(0, 15))
    def forget(self, video: int) -> None:
        there = sorted(row["id"] for row in self.workshop.graph.cypher("MATCH (v:Video) RETURN v.id AS id"))
        if len(there) > FEWEST_VIDEOS:
            self.workshop.forget([there[video % len(there)]])
            self.look()

    def look(self) -> None:
        """Note which snapshots have ended; the readers of one go on in its successor."""
        rows = self.workshop.graph.cypher("MATCH (s:Snapshot) RETURN s.id AS id, s.ended AS ended, s.successor AS next")
        self.ended = {row["id"]: row["next"] for row in rows if row["ended"]}
        if self.snapshot in self.ended:
            self.throw_away()
            self.ask(self.snapshot, 0)
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
            self.throw_away()
            self.service.close()


def first_epoch(batch: TripletBatch) -> Iterator[Pair]:
    rows = zip(batch.kind, batch.epoch.tolist(), batch.anchor_id, batch.positive_id, strict=True)
    return ((a, b) for kind, epoch, a, b in rows if kind == "intra" and epoch == 0)


@pytest.fixture
def readers(workshop: Workshop) -> type[Readers]:
    Readers.workshop = workshop
    return Readers


def test_readers_change_their_number_while_the_graph_changes_and_read_every_pair_once(readers: type[Readers]) -> None:
    story = readers()
    try:
        story.another_world(8, 4)
        story.the_same_bytes()
        story.pull(1)
        story.ingest()
        story.pull(1)
        story.cluster_again()
        story.another_world(3, 1)
        story.pull(2)
        story.drop()
        story.restart(0, 1)
        story.prune(1)
        story.the_same_bytes()
        story.another_world(5, 4)
        story.pull(1)
        story.an_epoch()
        story.restart(2**28, 8)
        story.another_world(2, 4)
        story.pull(1)
        story.forget(0)
        story.the_same_bytes()
    finally:
        story.teardown()


@pytest.mark.slow
def test_whatever_happens_in_whatever_order_readers_get_the_same_bytes_and_each_pair_once(
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
