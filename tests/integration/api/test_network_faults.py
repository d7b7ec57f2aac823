"""Networks that lose, delay and change data, and a service and a Neo4j that freeze or die: no client gets a part of an
answer, none hangs, and after the fault everything works again without a restart.
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

from api.client.errors import ServiceUnavailable
from api.client.http import TripletClient
from graphdb.server.local import LocalServer
from graphdb.server.process import ServerProcess
from tests.conftest import Graph, Wait, end, free_port, open_graph, wait_until_ready
from tests.integration.api.faulty_proxy import NO_FAULT, Fault, FaultyProxy
from tests.integration.api.test_api_service import publish
from trainer.data.batch import Batch
from trainer.distributed.ranks import SINGLE_PROCESS
from trainer.loop.batch_feed import BatchFeed
from trainer.loop.state import TrainState
from trainer.settings import RuntimeSettings, TrainSettings

QUERY_SECONDS, DEADLINE = 1.0, 2.0
"""Those of the service in these tests."""
READY_WITHIN = 2.0
"""Seconds in which the readiness probe must show the true state."""
SERVE = f"""
import sys
from pathlib import Path
from api.server.main import run
from api.settings import ServiceSettings
from foundation.data_folder import DataFolder
folder = DataFolder.resolve(Path(sys.argv[1]))
run(ServiceSettings(folder=folder, port=int(sys.argv[2]), query_seconds={QUERY_SECONDS}, deadline={DEADLINE}), print)
"""
ORDER: dict[str, Any] = {"mix": "transitive:1,intra:1", "negatives": "batch"}
SEEDS = count(1)
"""A new seed makes the service query Neo4j."""
IN_BODY = 5_000
"""A byte of an answer that is far behind its head."""


@dataclass
class Deployment:
    """A graph with its own Neo4j, which tests may stop, kill and start again."""

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
        """Start a service with short deadlines. `bolt` is the port on which it finds Neo4j."""
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
        """Return the digest of an answer."""
        return client.triplets(self.snapshot, seed=seed, position=0, count=count, **ORDER).digest


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    root = tmp_path_factory.mktemp("deployment")
    server = LocalServer(root / "neo4j")
    try:
        with closing(open_graph(root, server.start())) as graph:
            yield Deployment(graph, server, publish(graph).id)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def service(deployment: Deployment) -> Iterator[str]:
    """A service without faults between it and Neo4j."""
    with deployment.service() as url:
        yield url


@pytest.fixture
def truth(deployment: Deployment, service: str) -> Iterator[Callable[[int], str]]:
    """Return the digest of the right answer for a seed."""
    with deployment.client(service) as direct:
        yield lambda seed: deployment.pull(direct, seed)


@pytest.fixture
def proxy(service: str) -> Iterator[FaultyProxy]:
    """A proxy in front of the service."""
    port = urlsplit(service).port
    assert port
    with FaultyProxy(port) as proxy:
        yield proxy


pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("short_pauses")]


# Between the client and the service

FAULTS = {
    "closed": Fault(cut_at=0),
    "head cut": Fault(cut_at=100),
    "body cut": Fault(cut_at=IN_BODY),
    "bit flipped": Fault(flip_at=IN_BODY),
    "parts swapped": Fault(swap_at=IN_BODY),
    "answer lost": Fault(swallow_at=0),
    "end of answer lost": Fault(swallow_at=IN_BODY),
    "nothing behind the port": Fault(dead=True),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_single_fault_is_retried(
    deployment: Deployment, truth: Callable[[int], str], proxy: FaultyProxy, name: str
) -> None:
    proxy.fault = replace(FAULTS[name], times=1)
    with deployment.client(proxy.url, timeout=0.5) as client:
        assert deployment.pull(client, 0) == truth(0)
    assert proxy.num_faults == 1


LASTING = FAULTS | {"very slow": Fault(delay=0.1, chunk=200)}


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_raises_service_unavailable_in_time(
    deployment: Deployment, proxy: FaultyProxy, name: str
) -> None:
    proxy.fault = LASTING[name]
    with deployment.client(proxy.url, timeout=0.4, patience=0.6) as client:
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            deployment.pull(client, 0)
        assert time.monotonic() - begun < 0.4 + 0.6 + 1
        proxy.heal()
        assert deployment.pull(client, 0)


def test_the_client_waits_for_a_slow_answer(
    deployment: Deployment, truth: Callable[[int], str], proxy: FaultyProxy
) -> None:
    proxy.fault = Fault(delay=0.05, chunk=8192)
    with deployment.client(proxy.url, timeout=0.5, patience=30) as client:
        assert deployment.pull(client, 0) == truth(0)


RUNTIME = RuntimeSettings(loader_threads=2)
NUM_BATCHES = 20


@contextmanager
def feed(deployment: Deployment, url: str) -> Iterator[BatchFeed]:
    """The batches of a trainer."""
    settings = TrainSettings(
        snapshot=deployment.snapshot, mix=ORDER["mix"], seed=5, steps=NUM_BATCHES, batch=100, image_size=32, head="4,4"
    )
    state = TrainState.begin(settings, torch.device("cpu"))
    with (
        deployment.client(url, timeout=0.5) as client,
        closing(BatchFeed(client, state, RUNTIME, shard=SINGLE_PROCESS, notify=print, save=lambda: None)) as batches,
    ):
        yield batches


def test_a_trainer_gets_its_batches_in_order_despite_faults(
    deployment: Deployment, service: str, proxy: FaultyProxy
) -> None:
    def take(url: str, faults: list[Fault]) -> list[Batch]:
        with feed(deployment, url) as batches:
            taken: list[Batch] = []
            while len(taken) < NUM_BATCHES:
                if faults:
                    proxy.fault = faults.pop(0)
                taken += batches.take(threading.Event()) or []
            return taken

    faults = [replace(fault, times=1) for fault in FAULTS.values()]
    for faulty, whole in zip(take(proxy.url, [*faults, NO_FAULT]), take(service, []), strict=True):
        assert faulty.position == whole.position
        assert torch.equal(faulty.inputs[0], whole.inputs[0])


def test_a_trainer_that_waits_for_a_dead_service_can_be_stopped(deployment: Deployment, proxy: FaultyProxy) -> None:
    proxy.fault = Fault(dead=True)
    stop = threading.Event()
    with feed(deployment, proxy.url) as batches:
        threading.Timer(0.3, stop.set).start()
        begun = time.monotonic()
        assert batches.take(stop) is None
        assert time.monotonic() - begun < 2


# Between the service and Neo4j


@pytest.fixture(scope="module")
def bolt(deployment: Deployment) -> Iterator[FaultyProxy]:
    with FaultyProxy(deployment.bolt) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def proxied(deployment: Deployment, bolt: FaultyProxy) -> Iterator[str]:
    """A service that reaches Neo4j through a proxy."""
    with deployment.service(bolt.port) as url:
        yield url


@pytest.fixture
def healed(bolt: FaultyProxy) -> Iterator[FaultyProxy]:
    yield bolt
    bolt.heal()


def ready(url: str) -> bool:
    """Whether the service reports that it is ready. Raises if the probe takes longer than READY_WITHIN."""
    answer = urllib3.request("GET", f"{url}/readyz", retries=False, timeout=READY_WITHIN)
    assert answer.status in (200, 503), answer.data
    return answer.status == 200


def assert_soon_ready(url: str) -> None:
    begun = time.monotonic()
    while not ready(url):
        time.sleep(0.02)
    assert time.monotonic() - begun < READY_WITHIN


def assert_refused(deployment: Deployment, url: str) -> None:
    """Check that new triplets are refused within the deadline, with a problem type and Retry-After."""
    begun = time.monotonic()
    fields = {"seed": str(next(SEEDS))}
    answer = urllib3.request(
        "GET", f"{url}/v1/snapshots/{deployment.snapshot}/triplets", fields=fields, retries=False, timeout=30
    )
    assert time.monotonic() - begun < DEADLINE + 1
    assert answer.status == 503, answer.data
    assert answer.json()["type"] in ("/problems/graph-too-slow", "/problems/graph-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_slow_graph_gives_the_same_triplets(
    deployment: Deployment, truth: Callable[[int], str], proxied: str, healed: FaultyProxy
) -> None:
    healed.fault = Fault(delay=0.05)
    seed = next(SEEDS)
    with deployment.client(proxied) as client:
        assert deployment.pull(client, seed) == truth(seed)


@pytest.mark.parametrize("at", [0, 300])
def test_a_closed_connection_to_the_graph_is_opened_again(
    deployment: Deployment, truth: Callable[[int], str], proxied: str, healed: FaultyProxy, at: int
) -> None:
    healed.fault = Fault(cut_at=at, times=2)
    seed = next(SEEDS)
    with deployment.client(proxied) as client:
        assert deployment.pull(client, seed) == truth(seed)
    assert healed.num_faults == 2


def test_a_graph_behind_a_network_that_drops_all_data_is_unavailable_until_the_network_works(
    deployment: Deployment, truth: Callable[[int], str], proxied: str, healed: FaultyProxy
) -> None:
    with ThreadPoolExecutor(10) as readers, deployment.client(proxied) as client:
        seeds = [next(SEEDS) for _ in range(10)]
        list(readers.map(lambda seed: deployment.pull(client, seed), seeds))  # open all connections
        healed.fault = Fault(swallow_at=0, dead=True)
        asked = [readers.submit(assert_refused, deployment, proxied) for _ in range(10)]
        assert not ready(proxied)
        for one in asked:
            one.result()
        assert not ready(proxied)
        healed.heal()
        assert_soon_ready(proxied)
        begun = time.monotonic()
        seed = next(SEEDS)
        assert deployment.pull(client, seed) == truth(seed)
        assert time.monotonic() - begun < 2 * DEADLINE + 2


# A Neo4j that freezes or dies


def test_a_frozen_neo4j_is_unavailable_until_it_continues(
    deployment: Deployment, truth: Callable[[int], str], service: str, wait_for: Wait
) -> None:
    expected = truth(0)
    neo4j = deployment.neo4j
    neo4j.send_signal(signal.SIGSTOP)
    try:
        assert not ready(service)
        assert_refused(deployment, service)
        with deployment.client(service, patience=2) as client, pytest.raises(ServiceUnavailable, match="graph"):
            deployment.pull(client, next(SEEDS))
        assert not ready(service)
    finally:
        neo4j.send_signal(signal.SIGCONT)
    assert_soon_ready(service)
    assert truth(0) == expected
    assert truth(next(SEEDS))


def test_a_killed_neo4j_is_unavailable_until_it_is_started(
    deployment: Deployment, truth: Callable[[int], str], service: str
) -> None:
    expected = truth(0)
    neo4j = deployment.neo4j
    neo4j.kill()
    neo4j.wait(30)
    assert not ready(service)
    assert_refused(deployment, service)
    with deployment.client(service, patience=60) as client, ThreadPoolExecutor(1) as readers:
        waiting = readers.submit(deployment.pull, client, 0)
        deployment.server.start()
        assert_soon_ready(service)
        assert waiting.result() == expected
    assert truth(next(SEEDS))


# A service that freezes or dies


def test_a_service_that_freezes_or_dies_raises_service_unavailable_and_then_works_again(
    deployment: Deployment, truth: Callable[[int], str]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with deployment.client(url, timeout=0.5, patience=1) as impatient, deployment.client(url) as patient:
        for kind in (signal.SIGSTOP, signal.SIGKILL):
            service = deployment.start(port)
            service.send_signal(kind)
            begun = time.monotonic()
            with pytest.raises(ServiceUnavailable):
                deployment.pull(impatient, 0)
            assert time.monotonic() - begun < 0.5 + 1 + 1
            service.send_signal(signal.SIGCONT)
            if kind == signal.SIGSTOP:
                assert deployment.pull(patient, 0) == truth(0)
            end(service)
        service = deployment.start(port)
        assert deployment.pull(patient, 0) == truth(0)
        end(service)
