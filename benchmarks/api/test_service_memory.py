"""Anonymous memory of the service: over 10,000 batches, with 64 concurrent readers, and with readers that do not read.

`AFFINITY_BENCH_BATCHES` sets the number of batches (default 10,000): `make bench-memory BATCHES=1000`.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import urllib3

from api.client import TripletClient, TripletStream
from api.wire.arrow import MEDIA_TYPE
from benchmarks.graphs import Shape, publish_with_pixels
from tests.conftest import Graph, end, free_port, neo4j, open_graph, wait_until_ready

BATCHES = int(os.environ.get("AFFINITY_BENCH_BATCHES") or 10_000)
WARM = 1_000
"""Batches after which the cache is full."""
CACHE = 2**24
READERS = 64
WITHIN = 1.1
"""Largest memory, as a multiple of the memory after those batches."""
PATCHES = 10_000
LOOK_EVERY = 100
LARGEST = 4096
MEBI = 2**20


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    root = tmp_path_factory.mktemp("graph")
    with neo4j(root / "neo4j") as server:
        graph = open_graph(root, server)
        publish_with_pixels(graph, Shape(PATCHES))
        yield graph
        graph.close()


@contextmanager
def serving(graph: Graph, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a service with a small cache; yield its address and its process."""
    port = free_port()
    process = graph.start("serve", "--port", str(port), *options, AFFINITY_CACHE_BYTES=str(CACHE))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield url, process
    finally:
        end(process)


def anonymous_memory(process: subprocess.Popen[str]) -> float:
    """Return the anonymous memory of a process in MiB, which excludes mapped files such as the archive."""
    found = re.search(r"RssAnon:\s*(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def test_ten_thousand_batches(graph: Graph) -> None:
    snapshot = graph.store.snapshot("latest").id
    with serving(graph) as (url, process), TripletClient(url) as client:
        with TripletStream(client, snapshot) as stream:
            for _ in islice(stream, WARM):
                pass
            level, seen = anonymous_memory(process), []
            begun = time.perf_counter()
            for number, _ in enumerate(islice(stream, BATCHES)):
                if number % LOOK_EVERY == 0:
                    seen.append(anonymous_memory(process))
            seconds = time.perf_counter() - begun
        quarters = ", ".join(f"{max(quarter):.1f}" for quarter in np.array_split(seen, 4))
        print(
            f"\n{BATCHES:,} batches in {seconds:,.0f} s: {level:.1f} MiB after {WARM:,}, then {min(seen):.1f} to "
            f"{max(seen):.1f} MiB; at the most in each quarter {quarters}"
        )
        assert max(seen) <= WITHIN * level


def test_many_readers(graph: Graph) -> None:
    snapshot = graph.store.snapshot("latest").id
    positions = count(0, 100)

    with serving(graph) as (url, process), ExitStack() as stack:
        clients = [stack.enter_context(TripletClient(url)) for _ in range(READERS)]
        query: dict[str, Any] = {"seed": 0, "mix": "transitive:7,intra:2", "negatives": "batch", "count": 100}

        def pull(client: TripletClient) -> None:
            for _ in range(4):
                client.triplets(snapshot, position=next(positions), **query)

        def round() -> float:
            """Take some batches with all readers; return the peak memory of the service."""
            with ThreadPoolExecutor(READERS) as threads:
                pulls = [threads.submit(pull, client) for client in clients]
                most = 0.0
                while not all(one.done() for one in pulls):
                    most = max(most, anonymous_memory(process))
                    time.sleep(0.02)
                for one in pulls:
                    one.result()
            return most

        level = max(round() for _ in range(3))
        seen = [round() for _ in range(6)]
        print(f"\n{READERS} readers: {level:.1f} MiB in the first rounds, then {min(seen):.1f} to {max(seen):.1f} MiB")
        assert max(seen) <= WITHIN * level


def test_readers_that_do_not_read(graph: Graph) -> None:
    """Only `--in-flight` answers wait in memory; other requests are refused."""
    places, sleepers = 2, 16
    path = f"/v1/snapshots/{graph.store.snapshot('latest').id}/triplets?count={LARGEST}"
    with serving(graph, "--in-flight", str(places)) as (url, process), ExitStack() as stack:
        answer = urllib3.request("GET", url + path, headers={"Accept": MEDIA_TYPE})
        assert answer.status == 200
        body = len(answer.data) / MEBI
        level = anonymous_memory(process)
        port = urlsplit(url).port
        for number in range(sleepers):
            sleeper = stack.enter_context(socket.create_connection(("127.0.0.1", port or 0)))
            request = f"GET {path}&seed={number} HTTP/1.1\r\nHost: localhost\r\nAccept: {MEDIA_TYPE}\r\n\r\n"
            sleeper.sendall(request.encode())
            time.sleep(1)
        most = anonymous_memory(process)
        refused = urllib3.request("GET", f"{url}/v1/snapshots", retries=False)
        print(
            f"\n{sleepers} readers that do not read {body:.1f} MiB each, {places} places: "
            f"{level:.1f} MiB before, {most:.1f} MiB with them; others are answered {refused.status}"
        )
        assert refused.status == 503
        assert most - level <= 1.5 * places * body
