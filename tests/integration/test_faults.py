"""Networks that lose, delay and garble, and a service and a Neo4j that freeze and die: nobody gets a part of an answer,
nobody hangs, and when all is well again, all goes on without a restart.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import torch
import urllib3

from api.client import ServiceUnavailable, TripletClient
from graphdb.process import ServerProcess
from graphdb.server import LocalServer
from tests.conftest import Graph, Wait, end, free_port, open_graph, wait_until_ready
from tests.integration.faulty_proxy import WELL, Fault, FaultyProxy
from tests.integration.test_api_service import publish
from trainer.batch import Batch
from trainer.feed import Feed
from trainer.ranks import WHOLE
from trainer.settings import Machine, TrainSettings
from trainer.state import TrainState

QUERY_SECONDS, DEADLINE = 1.0, 2.0
"""Those of the service here."""
READY_WITHIN = 2.0
"""Seconds in which readiness has to be the truth."""
SERVE = f"""
import sys
from pathlib import Path
from api.server import run
from api.settings import ServiceSettings
from graphdb.settings import DataFolder
folder = DataFolder.resolve(Path(sys.argv[1]))
run(ServiceSettings(folder=folder, port=int(sys.argv[2]), query_seconds={QUERY_SECONDS}, deadline={DEADLINE}), print)
"""
ORDER: dict[str, Any] = {"mix": "transitive:1,intra:1", "negatives": "batch"}
SEEDS = count(1)
"""A new one makes the service ask Neo4j."""
IN_BODY = 5_000
"""A byte of an answer that is far from its head."""


@dataclass
class Place:
    """A graph with its Neo4j, which may be stopped, killed and started again."""

    graph: Graph
    server: LocalServer
    snapshot: str

    @property
    def neo4j(self) -> psutil.Process:
        process = ServerProcess(self.server.folder).find()
        assert process is not None
        return process

    @property
    def bolt(self) -> int:
        port = urlsplit(self.graph.server.uri).port
        assert port
        return port

    def start(self, port: int, bolt: int | None = None) -> subprocess.Popen[str]:
        """A service that is soon tired of waiting; `bolt` is where it finds Neo4j."""
        uri = {"NEO4J_URI": f"bolt://127.0.0.1:{bolt or self.bolt}"}
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.graph.folder.root), str(port)],
            env=self.graph.environment | uri,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
        except BaseException:
            end(process)
            raise
        return process

    @contextmanager
    def service(self, bolt: int | None = None) -> Iterator[str]:
        port = free_port()
        process = self.start(port, bolt)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)

    def client(self, url: str, timeout: float = 10.0, patience: float = 30.0) -> TripletClient:
        return TripletClient(url, timeout=timeout, patience=patience)

    def pull(self, client: TripletClient, seed: int, count: int = 100) -> str:
        """What an answer is known by."""
        return client.triplets(self.snapshot, seed=seed, position=0, count=count, **ORDER).digest


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("place")
    server = LocalServer(root / "neo4j")
    try:
        with closing(open_graph(root, server.start())) as graph:
            yield Place(graph, server, publish(graph).id)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def well(place: Place) -> Iterator[str]:
    """A service that nothing befalls."""
    with place.service() as url:
        yield url


@pytest.fixture
def truth(place: Place, well: str) -> Iterator[Callable[[int], str]]:
    """What the answer to a seed is."""
    with place.client(well) as direct:
        yield lambda seed: place.pull(direct, seed)


@pytest.fixture
def proxy(well: str) -> Iterator[FaultyProxy]:
    """Before the service."""
    port = urlsplit(well).port
    assert port
    with FaultyProxy(port) as proxy:
        yield proxy


pytestmark = pytest.mark.usefixtures("short_pauses")


# Between the client and the service

FAULTS = {
    "refused": Fault(cut_at=0),
    "head cut": Fault(cut_at=100),
    "body cut": Fault(cut_at=IN_BODY),
    "bit flipped": Fault(flip_at=IN_BODY),
    "parts swapped": Fault(swap_at=IN_BODY),
    "answer lost": Fault(swallow_at=0),
    "end of answer lost": Fault(swallow_at=IN_BODY),
    "nobody behind the port": Fault(dead=True),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_befalls_an_answer_is_met_by_another_try(
    place: Place, truth: Callable[[int], str], proxy: FaultyProxy, name: str
) -> None:
    proxy.fault = replace(FAULTS[name], times=1)
    with place.client(proxy.url, timeout=0.5) as client:
        assert place.pull(client, 0) == truth(0)
    assert proxy.struck == 1


LASTING = FAULTS | {"drops": Fault(delay=0.1, piece=200)}


@pytest.mark.parametrize("name", LASTING)
def test_what_goes_on_befalling_it_is_one_typed_error_in_time(place: Place, proxy: FaultyProxy, name: str) -> None:
    proxy.fault = LASTING[name]
    with place.client(proxy.url, timeout=0.4, patience=0.6) as client:
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            place.pull(client, 0)
        assert time.monotonic() - begun < 0.4 + 0.6 + 1
        proxy.heal()
        assert place.pull(client, 0)


def test_an_answer_that_comes_slowly_is_waited_for(
    place: Place, truth: Callable[[int], str], proxy: FaultyProxy
) -> None:
    proxy.fault = Fault(delay=0.05, piece=8192)
    with place.client(proxy.url, timeout=0.5, patience=30) as client:
        assert place.pull(client, 0) == truth(0)


MACHINE = Machine(loaders=2)
TRAINED = 20
"""Batches."""


@contextmanager
def feed(place: Place, url: str) -> Iterator[Feed]:
    """What a trainer takes its batches from."""
    settings = TrainSettings(
        snapshot=place.snapshot, mix=ORDER["mix"], seed=5, steps=TRAINED, batch=100, image_size=32, head="4,4"
    )
    state = TrainState.begin(settings, torch.device("cpu"))
    with (
        place.client(url, timeout=0.5) as client,
        closing(Feed(client, state, MACHINE, part=WHOLE, pin=False, say=print, save=lambda: None)) as batches,
    ):
        yield batches


def test_a_trainer_gets_its_batches_in_order_whatever_befalls_them(place: Place, well: str, proxy: FaultyProxy) -> None:
    def take(url: str, faults: list[Fault]) -> list[Batch]:
        with feed(place, url) as batches:
            taken: list[Batch] = []
            while len(taken) < TRAINED:
                if faults:
                    proxy.fault = faults.pop(0)
                taken += batches.take(threading.Event()) or []
            return taken

    faults = [replace(fault, times=1) for fault in FAULTS.values()]
    for befallen, whole in zip(take(proxy.url, [*faults, WELL]), take(well, []), strict=True):
        assert befallen.position == whole.position
        assert torch.equal(befallen.inputs[0], whole.inputs[0])


def test_a_trainer_that_waits_for_a_silent_service_stops_when_it_is_told(place: Place, proxy: FaultyProxy) -> None:
    proxy.fault = Fault(dead=True)
    stop = threading.Event()
    with feed(place, proxy.url) as batches:
        threading.Timer(0.3, stop.set).start()
        begun = time.monotonic()
        assert batches.take(stop) is None
        assert time.monotonic() - begun < 2


# Between the service and Neo4j


@pytest.fixture(scope="module")
def bolt(place: Place) -> Iterator[FaultyProxy]:
    with FaultyProxy(place.bolt) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def far(place: Place, bolt: FaultyProxy) -> Iterator[str]:
    """A service that reaches Neo4j through a proxy."""
    with place.service(bolt.port) as url:
        yield url


@pytest.fixture
def healed(bolt: FaultyProxy) -> Iterator[FaultyProxy]:
    yield bolt
    bolt.heal()


def ready(url: str) -> bool:
    """Whether the service says that it is. Raises where it takes longer than it may to say so."""
    answer = urllib3.request("GET", f"{url}/readyz", retries=False, timeout=READY_WITHIN)
    assert answer.status in (200, 503), answer.data
    return answer.status == 200


def assert_soon_ready(url: str) -> None:
    begun = time.monotonic()
    while not ready(url):
        time.sleep(0.02)
    assert time.monotonic() - begun < READY_WITHIN


def assert_refused(place: Place, url: str) -> None:
    """New triplets are refused within the deadline, with a reason and with when to come again."""
    begun = time.monotonic()
    fields = {"seed": str(next(SEEDS))}
    answer = urllib3.request(
        "GET", f"{url}/v1/snapshots/{place.snapshot}/triplets", fields=fields, retries=False, timeout=30
    )
    assert time.monotonic() - begun < DEADLINE + 1
    assert answer.status == 503, answer.data
    assert answer.json()["type"] in ("/problems/graph-too-slow", "/problems/graph-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_graph_that_answers_slowly_gives_the_same(
    place: Place, truth: Callable[[int], str], far: str, healed: FaultyProxy
) -> None:
    healed.fault = Fault(delay=0.05)
    seed = next(SEEDS)
    with place.client(far) as client:
        assert place.pull(client, seed) == truth(seed)


@pytest.mark.parametrize("at", [0, 300])
def test_a_connection_to_the_graph_that_is_cut_is_made_anew(
    place: Place, truth: Callable[[int], str], far: str, healed: FaultyProxy, at: int
) -> None:
    healed.fault = Fault(cut_at=at, times=2)
    seed = next(SEEDS)
    with place.client(far) as client:
        assert place.pull(client, seed) == truth(seed)
    assert healed.struck == 2


def test_a_graph_behind_a_network_that_swallows_everything_is_away_until_it_does_not(
    place: Place, truth: Callable[[int], str], far: str, healed: FaultyProxy
) -> None:
    with ThreadPoolExecutor(10) as readers, place.client(far) as client:
        seeds = [next(SEEDS) for _ in range(10)]
        list(readers.map(lambda seed: place.pull(client, seed), seeds))  # as many connections as there can be
        healed.fault = Fault(swallow_at=0, dead=True)
        asked = [readers.submit(assert_refused, place, far) for _ in range(10)]
        assert not ready(far)
        for one in asked:
            one.result()
        assert not ready(far)
        healed.heal()
        assert_soon_ready(far)
        begun = time.monotonic()
        seed = next(SEEDS)
        assert place.pull(client, seed) == truth(seed)
        assert time.monotonic() - begun < 2 * DEADLINE + 2


# A Neo4j that freezes, and dies


def test_a_frozen_neo4j_is_away_and_back_again(
    place: Place, truth: Callable[[int], str], well: str, wait_for: Wait
) -> None:
    expected = truth(0)
    neo4j = place.neo4j
    neo4j.send_signal(signal.SIGSTOP)
    try:
        assert not ready(well)
        assert_refused(place, well)
        with place.client(well, patience=2) as client, pytest.raises(ServiceUnavailable, match="graph"):
            place.pull(client, next(SEEDS))
        assert not ready(well)
    finally:
        neo4j.send_signal(signal.SIGCONT)
    assert_soon_ready(well)
    assert truth(0) == expected
    assert truth(next(SEEDS))


def test_a_neo4j_that_was_killed_is_away_until_it_is_started(
    place: Place, truth: Callable[[int], str], well: str
) -> None:
    expected = truth(0)
    neo4j = place.neo4j
    neo4j.kill()
    neo4j.wait(30)
    assert not ready(well)
    assert_refused(place, well)
    with place.client(well, patience=60) as client, ThreadPoolExecutor(1) as readers:
        waiting = readers.submit(place.pull, client, 0)
        place.server.start()
        assert_soon_ready(well)
        assert waiting.result() == expected
    assert truth(next(SEEDS))


# A service that freezes, and dies


def test_a_service_that_freezes_or_dies_is_one_typed_error_and_goes_on_where_it_was(
    place: Place, truth: Callable[[int], str]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with place.client(url, timeout=0.5, patience=1) as hasty, place.client(url) as patient:
        for kind in (signal.SIGSTOP, signal.SIGKILL):
            service = place.start(port)
            service.send_signal(kind)
            begun = time.monotonic()
            with pytest.raises(ServiceUnavailable):
                place.pull(hasty, 0)
            assert time.monotonic() - begun < 0.5 + 1 + 1
            service.send_signal(signal.SIGCONT)
            if kind == signal.SIGSTOP:
                assert place.pull(patient, 0) == truth(0)
            end(service)
        service = place.start(port)
        assert place.pull(patient, 0) == truth(0)
        end(service)
