"""Batches a second over HTTP, compared with a static body of the same size; pairs, compared with loaders of files.

The loaders need an environment of their own, whose Python is `AFFINITY_BENCH_LOADERS`: `make bench-loaders`.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import urllib3

from api.client import TripletClient
from api.wire.arrow import MEDIA_TYPE
from api.wire.query import DEFAULT_MIX
from api.wire.triplets import TripletBatch, decode_triplets
from benchmarks.api import loaders
from benchmarks.graphs import Shape, publish_with_pixels
from benchmarks.rates import interleaved_rates, print_rates, print_ratios
from tests.conftest import Graph, end, free_port, neo4j, open_graph, wait_until_ready

LOADERS = os.environ.get("AFFINITY_BENCH_LOADERS")
PATCHES = 20_000
PAIRS = 100
STORED = 10_000
"""Pairs that the loaders read from disk."""
ARROW = {"Accept": MEDIA_TYPE}
CLIENTS = (1, 4, 16)
ROUNDS = 9
STATIC = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
body = open(sys.argv[1], "rb").read()
app = Starlette(routes=[Route("/body", lambda request: Response(body)), Route("/readyz", lambda request: Response())])
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """A graph of 10,000 tracks and 50,000 INTER edges, with images."""
    root = tmp_path_factory.mktemp("large")
    with neo4j(root / "neo4j") as server:
        graph = open_graph(root, server)
        publish_with_pixels(graph, Shape(PATCHES))
        yield graph
        graph.close()


@pytest.fixture(scope="module")
def live(large: Graph) -> Iterator[str]:
    with large.service(free_port()) as url:
        yield url


@contextmanager
def static(body: bytes, folder: Path) -> Iterator[str]:
    """Serve a body that never changes, and yield its address."""
    (folder / "body").write_bytes(body)
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", STATIC, str(folder / "body"), str(port)], text=True)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}/body"
    finally:
        end(process)


def burst(get: Callable[[], object], clients: int, seconds: list[float]) -> float:
    """Return how many answers the clients get in a second, and append the time of each answer to `seconds`."""
    stop = time.perf_counter() + 1.0

    def pull() -> None:
        while (began := time.perf_counter()) < stop:
            get()
            seconds.append(time.perf_counter() - began)

    before, threads = len(seconds), [Thread(target=pull) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(len(seconds) - before)


def test_batches_a_second(large: Graph, live: str, tmp_path: Path) -> None:
    snapshot = large.store.snapshot("latest").id
    address = f"{live}/v1/snapshots/{snapshot}/triplets?seed=0&mix={DEFAULT_MIX}&count={PAIRS}"
    positions = count(0, PAIRS)
    with ExitStack() as stack:
        http = stack.enter_context(urllib3.PoolManager(maxsize=16))

        def batch() -> bytes:
            answer = http.request("GET", f"{address}&position={next(positions)}", headers=ARROW)
            assert answer.status == 200, answer.data
            return answer.data

        body = batch()
        plain = stack.enter_context(static(body, tmp_path))

        def same() -> None:
            assert len(http.request("GET", plain).data) == len(body)

        seconds: dict[str, list[float]] = {}
        works: dict[str, Callable[[], float]] = {}
        for clients in CLIENTS:
            for name, get in (("static", same), ("triplets", batch)):
                taken = seconds.setdefault(f"{name}, clients: {clients}", [])
                works[f"{name}, clients: {clients}"] = partial(burst, get, clients, taken)
        rates = interleaved_rates(works, ROUNDS)
    for clients in CLIENTS:
        of_these = {name: values for name, values in rates.items() if name.endswith(f" {clients}")}
        print_rates(
            f"{PAIRS} pairs a batch, {len(body):,} bytes", "batches/s", of_these, base=f"static, clients: {clients}"
        )
    print_ratios("triplets, clients: 1", {name: values for name, values in rates.items() if "triplets" in name})
    for name, taken in seconds.items():
        half, most = np.percentile(taken, [50, 99]) * 1e3
        print(f"  {name}: p50 {half:.2f} ms, p99 {most:.2f} ms")
    images = sum(map(len, decode_triplets(body).images))
    print(f"  {len(body) / images:.4f} bytes on the wire for each of an image")


@pytest.mark.skipif(not LOADERS, reason="AFFINITY_BENCH_LOADERS is not set")
def test_pairs_a_second_beside_loaders_of_files(large: Graph, live: str, tmp_path: Path) -> None:
    snapshot = large.store.snapshot("latest").id
    positions = count(0, PAIRS)
    with TripletClient(live) as client, ExitStack() as stack:

        def batch() -> TripletBatch:
            query = {"seed": 0, "negatives": "batch", "position": next(positions), "count": PAIRS}
            return client.triplets(snapshot, mix=DEFAULT_MIX, **query)  # type: ignore[arg-type]

        pairs: loaders.Pairs = []
        while len(pairs) < STORED:
            one = batch()
            ids = [f"{position:012d}" for position in one.position.tolist()]
            pairs += zip(ids, map(bytes, one.images[:PAIRS]), map(bytes, one.images[PAIRS:]), strict=True)
        (tmp_path / "pairs").write_bytes(pickle.dumps(pairs))
        others = {name: stack.enter_context(reading(name, tmp_path)) for name in loaders.READ}
        rates = interleaved_rates({"service": lambda: float(len(batch())), **others}, ROUNDS)
    print_rates("Encoded bytes of both images in Python", "pairs/s", rates)
    print_ratios("service", rates)


@contextmanager
def reading(name: str, folder: Path) -> Iterator[Callable[[], float]]:
    """Start a loader; yield a function that returns how many pairs it reads in a second."""
    assert LOADERS
    script, stored = Path(loaders.__file__), folder / name
    stored.mkdir()
    subprocess.run([LOADERS, script, "write", name, folder / "pairs", stored], check=True, capture_output=True)
    process = subprocess.Popen(
        [LOADERS, script, "read", name, stored],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    commands, results = process.stdin, process.stdout
    assert commands and results

    def work() -> float:
        commands.write("1.0\n")
        commands.flush()
        return float(results.readline())

    try:
        yield work
    finally:
        commands.close()
        process.wait(30)
        results.close()
